// A button that asks once more before it acts.

import { h, setText } from './dom.js';

/** How long the question stands, in milliseconds. */
const ASK_FOR = 4000;

/** Removes something at the second press. */
export class RemoveButton {
  readonly element: HTMLButtonElement;
  private asking = false;
  private timer = 0;

  constructor(
    private readonly label: string,
    private readonly question: string,
    act: () => void,
  ) {
    this.element = h('button', { type: 'button', class: 'button quiet danger' }, label);
    this.element.addEventListener('click', () => {
      if (this.asking) act();
      else this.ask();
    });
    this.element.addEventListener('blur', () => this.forget());
  }

  private ask(): void {
    this.asking = true;
    setText(this.element, `${this.question} Press again`);
    this.timer = window.setTimeout(() => this.forget(), ASK_FOR);
  }

  private forget(): void {
    window.clearTimeout(this.timer);
    this.asking = false;
    setText(this.element, this.label);
  }
}
