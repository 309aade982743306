// What wasm-bindgen writes, for the type checker: the texts are those of `Calls` in types.d.ts.

declare module "*/engine/engine.js" {
  export function initSync(module: { module: WebAssembly.Module }): unknown;
  export class Workbench {
    load(question: string): string;
    check(question: string): string;
    decide(question: string): string;
    matrix(question: string): string;
    tests(question: string): string;
    compare(question: string): string;
    secrets(question: string): string;
  }
}
