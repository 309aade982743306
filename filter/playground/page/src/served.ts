// The configuration that `registry-auth playground --config FILE` follows: in the editor, and in the header.

import { h } from "./dom";
import { follow, type Own } from "./own";
import { load } from "./session";
import { set, state, watch } from "./store";

export class Served {
  private readonly line: HTMLElement;
  private readonly show: (own: Own) => void;
  /** What was read last. */
  private file: Own | null = null;
  /** The text of the file that the editor was given last. */
  private taken: string | null = null;
  private fromLink = false;
  private isGone = false;

  /** Says in `line` what the editor has, and calls `show` with the configuration where the editor takes it. */
  constructor(line: HTMLElement, show: (own: Own) => void) {
    this.line = line;
    this.show = show;
    line.hidden = false;
    follow({
      changed: (own) => this.changed(own),
      gone: () => this.answers(false),
      back: () => this.answers(true),
    });
    watch(["text"], () => this.describe());
  }

  /** The editor has the text of a link. */
  isLinked(): void {
    this.fromLink = true;
    this.describe();
  }

  private answers(isBack: boolean): void {
    this.isGone = !isBack;
    this.describe();
  }

  private changed(own: Own): void {
    // What somebody has tried out here is not thrown away because the file was written.
    const isUntouched = this.taken === null ? !this.fromLink : state.text === this.taken;
    this.file = own;
    if (own.error === undefined || own.error === null) {
      set({ files: own.files });
      if (isUntouched) {
        this.take();
      } else {
        // By the keys that there are now.
        void load();
      }
    }
    this.describe();
  }

  private take(): void {
    if (this.file) {
      if (this.fromLink) {
        // The rest of the link is to be seen; a moment is not.
        set({ at: null, tagExists: null });
      }
      this.taken = this.file.text;
      this.fromLink = false;
      this.show(this.file);
    }
    this.describe();
  }

  private describe(): void {
    const { file } = this;
    if (!file) {
      return;
    }
    const isWrong = this.isGone || Boolean(file.error);
    this.line.className = isWrong ? "own bad" : "own";
    const take = h("button", { type: "button", click: () => this.take() }, "Show the file");
    const from = this.fromLink ? "From a link. " : "";
    if (this.isGone) {
      this.line.replaceChildren(`${from}registry-auth playground does not answer: ${file.name} is not followed any more`);
    } else if (file.error) {
      this.line.replaceChildren(`${from}${file.name}: ${file.error}`);
    } else if (this.fromLink) {
      this.line.replaceChildren(`From a link, and not ${file.name} `, take);
    } else if (file.text !== this.taken) {
      this.line.replaceChildren(`${file.name} has changed. `, take);
    } else {
      this.line.replaceChildren(state.text === this.taken ? file.name : `${file.name}, changed here`);
    }
  }
}
