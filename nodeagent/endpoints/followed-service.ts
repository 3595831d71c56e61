import type { ObjectName } from '../../runtime/options/kinds.js';
import { Repeating } from '../../runtime/repeating.js';
import type { SourceName, SourceStates } from '../source-states.js';
import type { EndpointSlice } from './endpoint-slice.js';
import { followSlices, type Followed, type FollowDeps } from './followed.js';

export interface FollowedServiceDeps extends FollowDeps {
  readonly service: ObjectName;
  readonly states: Pick<SourceStates, 'up' | 'off'>;
  /** How often it is told how the source stands; every second where nothing is said. */
  readonly tellEveryMs?: number;
  /** The API is asked no more. */
  readonly onClosed?: () => void;
}

export interface FollowedServiceOptions {
  /** What it is called among the sources. */
  readonly source: SourceName;
  readonly onChange: () => void;
  /** What the Service has none of, such as `EndpointSlice`; undefined where it has what is looked for. */
  readonly lacks: (slices: Iterable<EndpointSlice>) => string | undefined;
}

const TELL_MS = 1_000;

/** The EndpointSlices of a Service, followed until closed, and how that stands told among the sources. While the API is away the last ones known stay. */
export class FollowedService {
  readonly #options: FollowedServiceOptions;
  readonly #deps: FollowedServiceDeps;
  readonly #followed: Followed<EndpointSlice>;
  readonly #stop = new AbortController();
  readonly #telling: Repeating;
  #running: Promise<void> = Promise.resolve();

  constructor(options: FollowedServiceOptions, deps: FollowedServiceDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#followed = followSlices(deps.service, options.onChange, deps);
    this.#telling = new Repeating(() => {
      this.#tell();
      return Promise.resolve(deps.tellEveryMs ?? TELL_MS);
    });
  }

  start(): void {
    this.#running = this.#followed.run(this.#stop.signal);
    this.#telling.start();
  }

  /** Undefined before they are known, and once closed. */
  get slices(): Iterable<EndpointSlice> | undefined {
    return this.#stop.signal.aborted ? undefined : this.#followed.items?.values();
  }

  /** Times that they could not be learnt, since the start. */
  get failures(): number {
    return this.#followed.failures;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#telling.close(), this.#running]);
    this.#deps.onClosed?.();
  }

  #tell(): void {
    const { source, lacks } = this.#options;
    const { states, service } = this.#deps;
    const { state, problem } = this.#followed;
    if (state === undefined) return;
    if (state !== 'up') {
      states.off(source, state, problem);
      return;
    }
    const lacking = lacks(this.slices ?? []);
    if (lacking === undefined) states.up(source);
    else states.off(source, 'not_found', `Service ${service.namespace}/${service.name} has no ${lacking}`);
  }
}
