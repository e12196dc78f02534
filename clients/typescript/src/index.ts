/** A typed client of the Beatreel API. Start with {@link Beatreel}. */
export { Beatreel } from './client.js';
export type { ForkOptions, ListOptions, Options, RequestOptions, UploadOptions } from './client.js';
export { Refusal } from './refusal.js';
export type { JobEvent, StreamOptions } from './stream.js';
export type * from './schema.js';
