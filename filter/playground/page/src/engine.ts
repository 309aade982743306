// Asks the engine in its worker: one question at a time, each with a limit.

import type { Calls, LoadRequest } from "../../types";

type Name = keyof Calls;

interface Waiting {
  name: Name;
  question: unknown;
  resolve: (answer: never) => void;
  reject: (error: Error) => void;
}

/** How long an engine may take for one question, in milliseconds. */
const LIMIT = 10_000;

/** What the engine says instead of an answer. */
export class Refused extends Error {}

/** A newer question of the same kind has taken the place of this one. */
export class Superseded extends Error {}

export class Engine {
  /** How long the last questions took, in milliseconds, by their names. */
  readonly took: Partial<Record<Name, number>> = {};
  private readonly module: Promise<WebAssembly.Module>;
  private worker: Promise<Worker> | null = null;
  private waiting: Waiting[] = [];
  private busy = false;
  private loaded: LoadRequest | null = null;
  /** Ends the question that is being answered. */
  private stop: (() => void) | null = null;
  private readonly limit: number;

  constructor(module: Promise<WebAssembly.Module>, limit = LIMIT) {
    this.module = module;
    this.limit = limit;
  }

  /** Ends the question that is being answered: nobody waits for it any more. */
  abandon(): void {
    this.stop?.();
  }

  /** Asks. A later question of the same kind takes the place of one that still waits. */
  ask<K extends Name>(name: K, question: Calls[K][0]): Promise<Calls[K][1]> {
    return new Promise((resolve, reject) => {
      const kept = this.waiting.filter((other) => other.name !== name);
      for (const other of this.waiting) {
        if (other.name === name) {
          other.reject(new Superseded());
        }
      }
      this.waiting = [...kept, { name, question, resolve, reject }];
      void this.next();
    });
  }

  private async next(): Promise<void> {
    const waiting = this.busy ? undefined : this.waiting.shift();
    if (!waiting) {
      return;
    }
    this.busy = true;
    try {
      if (waiting.name === "load") {
        this.loaded = waiting.question as LoadRequest;
      }
      waiting.resolve((await this.answer(waiting)) as never);
    } catch (error) {
      waiting.reject(error instanceof Error ? error : new Error(String(error)));
    }
    this.busy = false;
    void this.next();
  }

  private async answer({ name, question }: Pick<Waiting, "name" | "question">): Promise<unknown> {
    const isNew = this.worker === null;
    this.worker ??= this.start();
    const worker = await this.worker;
    if (isNew && name !== "load" && this.loaded) {
      await this.send(worker, "load", this.loaded);
    }
    const answer = await this.send(worker, name, question);
    if (answer !== null && typeof answer === "object" && "error" in answer) {
      throw new Refused(String(answer.error));
    }
    return answer;
  }

  private send(worker: Worker, name: Name, asked: unknown): Promise<unknown> {
    // Here, for what cannot be written must not leave a question without an end.
    const question = JSON.stringify(asked);
    return new Promise((resolve, reject) => {
      const end = (failed?: string): void => {
        clearTimeout(timer);
        this.stop = null;
        worker.onmessage = null;
        worker.onerror = null;
        if (failed !== undefined) {
          worker.terminate();
          this.worker = null;
          reject(new Refused(failed));
        }
      };
      const timer = setTimeout(() => {
        if (name === "load") {
          // It would take as long again for each question.
          this.loaded = null;
        }
        end(`this takes longer than ${this.limit / 1000} seconds and was stopped`);
      }, this.limit);
      this.stop = () => end("this was stopped");
      worker.onerror = () => end("the engine has stopped");
      worker.onmessage = (event: MessageEvent<{ answer?: string; took?: number }>) => {
        if (event.data.answer === undefined) {
          end("the engine has stopped");
          return;
        }
        end();
        this.took[name] = event.data.took ?? 0;
        resolve(JSON.parse(event.data.answer));
      };
      worker.postMessage({ id: 0, name, question });
    });
  }

  private async start(): Promise<Worker> {
    const module = await this.module;
    const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    // How long the browser takes for the module is not the fault of a question.
    await new Promise<void>((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = () => reject(new Refused("the engine does not start"));
      worker.postMessage({ module });
    });
    return worker;
  }
}

/** Loads the module. */
export async function compile(url: URL): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(`the engine cannot be loaded (${response.status})`);
  }
  // Not every server knows the type that compiling while loading asks for.
  return WebAssembly.compile(await response.arrayBuffer());
}
