import type { Problem } from './schema.js';

/** What the gateway refuses a request with: a problem of RFC 9457. */
export class Refusal extends Error {
  override readonly name = 'Refusal';

  constructor(
    readonly status: number,
    readonly problem: Problem,
    /** Seconds to wait before the next try, where the gateway says so. */
    readonly retryAfter: number | null,
  ) {
    super(problem.detail);
  }

  /** The kind of problem: the end of its `type`. */
  get slug(): string {
    return this.problem.type.split('/').pop() ?? '';
  }

  /** Whether the same request may work later. */
  get retryable(): boolean {
    return this.problem.retryable;
  }

  /** @internal */
  static async of(answer: Response): Promise<Refusal> {
    const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN);
    const problem = await problemOf(answer);
    return new Refusal(answer.status, problem, Number.isFinite(seconds) ? seconds : null);
  }
}

async function problemOf(answer: Response): Promise<Problem> {
  try {
    return (await answer.json()) as Problem;
  } catch {
    // Something between us and the gateway answered.
    const detail = `the answer was ${answer.status} ${answer.statusText}`;
    return {
      type: 'about:blank',
      title: answer.statusText,
      status: answer.status,
      detail,
      error: detail,
      code: 'HTTP_ERROR',
      retryable: answer.status >= 500,
      request_id: answer.headers.get('x-request-id') ?? '',
    };
  }
}
