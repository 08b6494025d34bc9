import type { DeletedEndUser, EndUserQuery } from '@outlast/contract'
import type { CallOptions, Http } from '../http/http.ts'

export function endUsers({ call, bytes }: Http) {
  return {
    /** Exports all data of an end user as JSON Lines, an async iterable of chunks of bytes. */
    export: (query: EndUserQuery, options?: CallOptions) =>
      bytes('/v1/end-users/export', { query, accept: 'application/x-ndjson' }, options),
    /** Deletes all data of an end user. `legal_hold` while one of the sessions is held. */
    delete: (query: EndUserQuery, options?: CallOptions) =>
      call<DeletedEndUser>('DELETE', '/v1/end-users', { query }, options),
  }
}
