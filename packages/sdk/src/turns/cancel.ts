import type { CancelTurn, CancelTurnResponse } from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'

type Cancelling = { turnId: string | undefined; options?: CallOptions }

/** Cancels the running turn of a session, or only one turn. */
export function cancelTurn(
  { call }: Pick<Http, 'call'>,
  sessionId: string,
  { turnId, options }: Cancelling,
): Promise<CancelTurnResponse> {
  const body: CancelTurn | undefined = turnId === undefined ? undefined : { turn_id: turnId }
  return call('POST', path`/v1/sessions/${sessionId}/cancel`, body ? { body } : {}, options)
}
