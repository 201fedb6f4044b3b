/** Limits that hold for every request, whatever its account. */

/** Largest request body, bytes. */
export const MAX_BODY_BYTES = 256 * 1024;
/** Longest state of a half-denoised canvas, UTF-16 code units: some ten for each position. */
export const MAX_STATE_CHARACTERS: number = 256 * 1024;
/** Largest body that a node takes: a client's, and what the edge adds around it. */
export const MAX_NODE_BODY_BYTES: number = MAX_BODY_BYTES + MAX_STATE_CHARACTERS + 64 * 1024;
/** Longest text of one prompt or of all messages together, UTF-16 code units. */
export const MAX_PROMPT_CHARACTERS = 200_000;
/** Most tokens that one request may ask for; a model's context may hold fewer. */
export const MAX_GENERATION_LENGTH = 4_096;
/** Most denoising steps for one request. */
export const MAX_STEPS = 8_192;
/** Longest time that a deadline gives, milliseconds. */
export const MAX_DEADLINE_MS = 600_000;
/** Generation length when the request names none, tokens. */
export const DEFAULT_GENERATION_LENGTH = 64;
/** Positions of one canvas row that one step unit pays for. */
export const POSITIONS_PER_STEP_UNIT = 256;
/** Longest silence on a node's stream before it writes a heartbeat comment. */
export const HEARTBEAT_INTERVAL_MS = 500;
