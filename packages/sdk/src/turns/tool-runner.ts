import type { Http } from '../http/http.ts'
import { createCalls, type ToolLookup } from './calls.ts'

export const toolRunner =
  (http: Http) =>
  /**
   * Runs client tools for a program that follows the events of a session itself. Pass `take` each
   * event of one turn; `end` stops running tools.
   * Contract: each call runs once, also if its event is taken again. Results are stored.
   */
  (sessionId: string, options: ToolLookup & { onError: (error: unknown) => void }) =>
    createCalls(http, sessionId, options)
