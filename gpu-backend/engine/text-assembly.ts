/**
 * Append-only text of one generation.
 *
 * Owns: token ids to text, held back where a character or a stop string may still be incomplete;
 * where the text ends and how many tokens it took.
 * Does not own: which tokens are final (generation.ts), the vocabulary (model/tokenizer.ts).
 */
import { StopStrings } from "./stop-strings.ts";

/** What the engine asks of a tokenizer. */
export interface TokenDecoder {
  /**
   * Text of a run of tokens, special tokens skipped; bytes that are no character become U+FFFD.
   * The text of a run begins with the text of each of its beginnings that ends with a character.
   */
  decode(tokenIds: readonly number[]): string;
  /** Text that one token adds within a text; U+FFFD where it is part of a character. */
  decodeToken(tokenId: number): string;
}

/** Why a text ended: at an end token or stop string, or at its last position. */
export type FinishReason = "stop" | "length";

/** What ends a text before its last position. */
export interface TextEnds {
  /** End-of-text and end-of-turn. */
  readonly endTokenIds: ReadonlySet<number>;
  readonly stops: readonly string[];
}

/** Tokens without a whole character at their end after which the bytes are taken for broken. */
const MAX_UNDECODED_TOKENS = 64;
const TRAILING_REPLACEMENTS = /\uFFFD+$/;

/** Takes the tokens of a text from the first to the last, gives out its text piece by piece. */
export class TextAssembly {
  readonly #decoder: Pick<TokenDecoder, "decode">;
  readonly #endTokenIds: ReadonlySet<number>;
  readonly #stops: StopStrings;
  /** Tokens decoded last: some decoders need them to tell a leading space from none. */
  #contextIds: readonly number[] = [];
  #contextLength = 0;
  /** Tokens since the last whole character. */
  #openIds: number[] = [];
  /** Characters of the open tokens' text that were decoded already. */
  #openDecodedLength = 0;
  /** Where each token's text begins, UTF-16 code units from the start of the text. */
  readonly #tokenStarts: number[] = [];
  #decodedLength = 0;
  #text = "";
  #completionTokenCount = 0;
  #isStopped = false;

  constructor(decoder: Pick<TokenDecoder, "decode">, ends: TextEnds) {
    this.#decoder = decoder;
    this.#endTokenIds = ends.endTokenIds;
    this.#stops = new StopStrings(ends.stops);
  }

  /** The text given out so far. */
  get text(): string {
    return this.#text;
  }

  /** Tokens before the end token or the stop string; a token partly before it counts. */
  get completionTokenCount(): number {
    return this.#completionTokenCount;
  }

  /** True when an end token or a stop string was met; further tokens change nothing. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  get finishReason(): FinishReason {
    return this.#isStopped ? "stop" : "length";
  }

  /** Takes the next tokens and returns the text that became final with them. */
  append(tokenIds: Iterable<number>): string {
    const textStart = this.#text.length;
    for (const tokenId of tokenIds) {
      if (this.#isStopped) break;
      if (this.#endTokenIds.has(tokenId)) this.#end();
      else this.#take(tokenId);
    }
    return this.#text.slice(textStart);
  }

  /** Ends the text at its last token and returns what was held back. */
  finish(): string {
    const textStart = this.#text.length;
    if (!this.#isStopped) this.#flush();
    return this.#text.slice(textStart);
  }

  #end(): void {
    this.#flush();
    this.#isStopped = true;
  }

  #take(tokenId: number): void {
    this.#tokenStarts.push(this.#decodedLength);
    this.#completionTokenCount += 1;
    this.#openIds.push(tokenId);
    this.#decodeOpen(this.#openIds.length >= MAX_UNDECODED_TOKENS);
  }

  #flush(): void {
    this.#decodeOpen(true);
    if (!this.#isStopped) this.#text += this.#stops.flush();
  }

  /** @param isForced True to take incomplete characters at the end as they are. */
  #decodeOpen(isForced: boolean): void {
    const decoded = this.#decoder.decode([...this.#contextIds, ...this.#openIds]);
    const text = decoded.slice(this.#contextLength);
    const whole = text.replace(TRAILING_REPLACEMENTS, "");
    const final = isForced ? text : whole;
    const piece = final.slice(this.#openDecodedLength);
    this.#openDecodedLength = final.length;
    this.#decodedLength += piece.length;
    if (final.length === text.length) this.#closeTokens(text, whole.length === text.length);
    this.#give(piece);
  }

  #closeTokens(text: string, endsWithCharacter: boolean): void {
    if (!endsWithCharacter) {
      this.#contextIds = [];
      this.#contextLength = 0;
    } else if (text !== "") {
      this.#contextIds = this.#openIds;
      this.#contextLength = this.#decoder.decode(this.#contextIds).length;
    }
    this.#openIds = [];
    this.#openDecodedLength = 0;
  }

  #give(piece: string): void {
    const { text, isStopped } = this.#stops.push(piece);
    this.#text += text;
    if (!isStopped) return;
    this.#isStopped = true;
    const length = this.#text.length;
    this.#completionTokenCount = this.#tokenStarts.filter((start) => start < length).length;
  }
}
