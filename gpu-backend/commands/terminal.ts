/** A terminal that a command may draw on, beside what it answers. */
export interface Terminal {
  /** Characters of one line. */
  readonly columns: number;
  write(text: string): void;
}
