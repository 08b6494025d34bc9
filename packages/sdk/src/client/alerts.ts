import type {
  Alert,
  AlertChange,
  AlertFiring,
  AlertFiringQuery,
  AlertQuery,
  NewAlert,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { listOf } from '../http/page.ts'

export function alerts(http: Http) {
  const { call } = http
  return {
    /** Lists the alerts of the organization, newest first. */
    list: (query?: AlertQuery, options?: CallOptions) =>
      listOf<Alert>(http, '/v1/alerts', query, options),
    /** Creates an alert, which webhooks receive when it fires and when it resolves. */
    create: (body: NewAlert, options?: CallOptions) =>
      call<Alert>('POST', '/v1/alerts', { body }, options),
    /** Returns an alert. `not_found` for an unknown id. */
    get: (id: string, options?: CallOptions) =>
      call<Alert>('GET', path`/v1/alerts/${id}`, {}, options),
    /** Changes the given properties. */
    update: (id: string, body: AlertChange, options?: CallOptions) =>
      call<Alert>('PATCH', path`/v1/alerts/${id}`, { body }, options),
    /** Deletes an alert and its firings. */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/alerts/${id}`, {}, options),
    /** Lists the newest 100 firings of an alert, newest first. */
    listFirings: (id: string, query?: AlertFiringQuery, options?: CallOptions) =>
      listOf<AlertFiring>(http, path`/v1/alerts/${id}/firings`, query, options),
  }
}
