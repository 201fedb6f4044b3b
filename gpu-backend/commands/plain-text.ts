/** What a command writes for people, in place of a JSON document. */
export class PlainText {
  readonly text: string;

  /** @param text Without a line end at its end. */
  constructor(text: string) {
    this.text = text;
  }
}
