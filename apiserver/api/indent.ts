import { queryValue, type Request } from './app-types.js';

/** kubectl --raw and programs get it compact, people who type a URL get it indented, as from kube-apiserver. */
const HUMAN_AGENTS = /^(curl|Wget|Mozilla)\//;
/** What Go's strconv.ParseBool takes for true. */
const TRUE = ['1', 't', 'T', 'TRUE', 'true', 'True'];

/** Whether the answer is to be indented: `?pretty` decides, without it the agent. */
export function wantsIndent(request: Pick<Request, 'query' | 'headers'>): boolean {
  const pretty = queryValue(request.query, 'pretty') ?? '';
  return pretty === '' ? HUMAN_AGENTS.test(request.headers['user-agent'] ?? '') : TRUE.includes(pretty);
}
