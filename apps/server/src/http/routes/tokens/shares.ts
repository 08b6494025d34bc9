import {
  ErrorResponse,
  NewShare,
  PageQuery,
  Share,
  type ShareInfo,
  SharePage,
} from '@outlast/contract'
import { type Grants, linkGrants } from '../../../access/grants.ts'
import { processClaim } from '../../../access/session-tokens.ts'
import { ApiError } from '../../../errors.ts'
import { newId, parseId } from '../../../ids.ts'
import { createSessionToken } from '../../../store/access/session-tokens.ts'
import { countShares, deleteShare, listShares } from '../../../store/access/shares.ts'
import { getSequence } from '../../../store/sessions/messages.ts'
import type { Api } from '../../core/api.ts'
import { inBatches, sendList } from '../../core/list.ts'
import { checkNumber } from '../../core/number-limit.ts'
import { makerOf } from './token-requests.ts'

type Params = { session_id: string }

const shareSecondsDefault = 604_800

/** Read-only links to a session: tokens with a name, for anyone. */
export function shareRoutes(api: Api): void {
  createRoute(api)
  storedRoutes(api)
}

const grantsOfShare = ({ include }: NewShare): Grants =>
  linkGrants(include?.includes('details') ? 'full' : 'chat')

const includedIn = ({ view }: Pick<Grants, 'view'>): ShareInfo['include'] =>
  view === 'full' ? ['details'] : []

function createRoute({ app, node: { access, config } }: Api): void {
  app.route<{ Params: Params; Body: NewShare }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/shares',
    config: { answersSecret: true, bodyOptional: true },
    schema: {
      operationId: 'create_share',
      body: NewShare,
      response: { 201: Share, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { params, principal, body, db: unit } = request
      const { orgId } = principal
      const sessionId = parseId('session', params.session_id)
      if (!access.tokens) throw new ApiError('encryption_not_configured', 'tokens')
      await getSequence(unit, orgId, sessionId)
      await checkNumber({
        max: config.SESSION_TOKENS_MAX,
        what: 'links to a session',
        count: () => countShares(unit, { orgId, sessionId }),
      })
      const id = newId('share')
      const seconds = body.expires_in ?? shareSecondsDefault
      const shareName = body.name ?? 'Link'
      const grants = grantsOfShare(body)
      // A link outlives the sign-in of its creator.
      const maker = { ...makerOf(principal), loginId: null }
      const made = { ...grants, ...maker, id, orgId, sessionId, seconds, shareName }
      const times = await createSessionToken(unit, made)
      const about = { name: shareName, include: includedIn(grants) }
      request.auditNote = { target: id, details: { session_id: sessionId, ...about } }
      // Anyone can read the claims of the token, so they do not name its creator.
      const sub = principal.kind === 'server' ? processClaim : 'share'
      const claims = { sub, org: orgId, session: sessionId, access: grants.access, jti: id }
      const token = await access.tokens.sign('grant', claims, seconds)
      const path = `/shared/${sessionId}#${token}`
      return reply.code(201).send({ id, session_id: sessionId, ...about, ...times, token, path })
    },
  })
}

function storedRoutes({ app }: Api): void {
  app.route<{ Params: Params; Querystring: PageQuery }>({
    method: 'GET',
    url: '/v1/sessions/:session_id/shares',
    schema: {
      operationId: 'list_shares',
      querystring: PageQuery,
      response: { 200: SharePage, '4xx': ErrorResponse },
    },
    async handler({ params, principal: { orgId }, query, db }, reply) {
      const of = { orgId, sessionId: parseId('session', params.session_id) }
      await getSequence(db, of.orgId, of.sessionId)
      const rows = async (span: Parameters<typeof listShares>[2]) =>
        (await listShares(db, of, span)).map(({ view, ...share }) => ({
          ...share,
          include: includedIn({ view }),
        }))
      return sendList(reply, query, {
        batches: inBatches(rows),
        count: () => countShares(db, of),
      })
    },
  })

  app.route<{ Params: Params & { share_id: string } }>({
    method: 'DELETE',
    url: '/v1/sessions/:session_id/shares/:share_id',
    schema: { operationId: 'delete_share', response: { '4xx': ErrorResponse } },
    async handler({ params, principal: { orgId }, db: unit }, reply) {
      const of = { orgId, sessionId: parseId('session', params.session_id) }
      await deleteShare(unit, of, parseId('share', params.share_id))
      return reply.code(204).send()
    },
  })
}
