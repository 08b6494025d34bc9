import {
  ErrorResponse,
  PageQuery,
  SecretsStored,
  SecretsToStore,
  StoredSecretPage,
  StoredValuePage,
} from '@outlast/contract'
import { parseId } from '../../../ids.ts'
import type { Db } from '../../../store/database.ts'
import { storeSecrets } from '../../../store/files/stored-secrets.ts'
import {
  countStoredTexts,
  listStoredTextNames,
  storedTextBatches,
} from '../../../store/files/stored-texts-list.ts'
import { getSequence } from '../../../store/sessions/messages.ts'
import type { Api } from '../../core/api.ts'
import { inBatches, sendList } from '../../core/list.ts'

type Params = { session_id: string }

/** The names of a request that the audit entry lists. */
const namesNotedMax = 100

/** Values and secrets that a session stores by name. */
export function sessionStorageRoutes(api: Api): void {
  valueRoute(api)
  secretRoutes(api)
}

function valueRoute({ app }: Api): void {
  app.route<{ Params: Params; Querystring: PageQuery }>({
    method: 'GET',
    url: '/v1/sessions/:session_id/storage/keys',
    schema: {
      operationId: 'list_keys',
      querystring: PageQuery,
      response: { 200: StoredValuePage, '4xx': ErrorResponse },
    },
    async handler({ params, principal, query, db }, reply) {
      const where = await getSessionRef(db, principal.orgId, params)
      const of = { ...where, kind: 'value' as const }
      return sendList(reply, query, {
        async *batches(range) {
          for await (const batch of storedTextBatches(db, of, range)) {
            yield batch.map(({ name: key, body: value, ...times }) => ({ key, value, ...times }))
          }
        },
        count: () => countStoredTexts(db, of),
      })
    },
  })
}

function secretRoutes({ app, node }: Api): void {
  app.route<{ Params: Params; Querystring: PageQuery }>({
    method: 'GET',
    url: '/v1/sessions/:session_id/storage/secrets',
    schema: {
      operationId: 'list_secrets',
      querystring: PageQuery,
      response: { 200: StoredSecretPage, '4xx': ErrorResponse },
    },
    async handler({ params, principal, query, db }, reply) {
      const where = await getSessionRef(db, principal.orgId, params)
      const of = { ...where, kind: 'secret' as const }
      return sendList(reply, query, {
        batches: inBatches((range) => listStoredTextNames(db, of, range)),
        count: () => countStoredTexts(db, of),
      })
    },
  })

  app.route<{ Params: Params; Body: SecretsToStore }>({
    method: 'PUT',
    url: '/v1/sessions/:session_id/storage/secrets',
    schema: {
      operationId: 'batch_set_secrets',
      body: SecretsToStore,
      response: { 200: SecretsStored, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { params, principal, body, db } = request
      const { orgId } = principal
      const sessionId = parseId('session', params.session_id)
      await node.quotas.checkStorage(db, orgId)
      await storeSecrets(db, { orgId, sessionId, secrets: node.secrets }, body.secrets)
      const names = Object.keys(body.secrets)
      request.auditNote = { details: { names: names.slice(0, namesNotedMax) } }
      return { count: names.length }
    },
  })
}

async function getSessionRef(db: Db, orgId: string, { session_id }: Params) {
  const sessionId = parseId('session', session_id)
  await getSequence(db, orgId, sessionId)
  return { orgId, sessionId }
}
