// The engine, apart from the page: however long it takes, the page stays usable.

import { initSync, Workbench } from "../engine/engine.js";

interface Asked {
  id: number;
  name: "load" | "check" | "decide" | "matrix" | "tests" | "compare" | "secrets";
  question: string;
}

let workbench: Workbench | null = null;

self.addEventListener("message", (event: MessageEvent<{ module: WebAssembly.Module } | Asked>) => {
  const message = event.data;
  if ("module" in message) {
    initSync({ module: message.module });
    workbench = new Workbench();
    postMessage({ ready: true });
    return;
  }
  if (!workbench) {
    return;
  }
  const began = performance.now();
  let answer: string;
  try {
    answer = workbench[message.name](message.question);
  } catch {
    // The module has ended: the page starts another.
    postMessage({ id: message.id, failed: true });
    return;
  }
  postMessage({ id: message.id, answer, took: performance.now() - began });
});
