import {
  ContextReport,
  ErrorResponse,
  EventsSummary,
  type Preview,
  type Session,
  SessionStats,
} from '@outlast/contract'
import { parseId } from '../../../ids.ts'
import { profileOf } from '../../../providers/catalogue.ts'
import { tokensOf, tokensOfText } from '../../../runtime/model/compaction-plan.ts'
import { type ConversationEntry, viewOf } from '../../../store/log/conversation.ts'
import { readConversation } from '../../../store/log/present-events.ts'
import { getSequence } from '../../../store/sessions/messages.ts'
import { eventsSummary, sessionStats } from '../../../store/sessions/reports.ts'
import { getSession } from '../../../store/sessions/sessions.ts'
import type { Api } from '../../core/api.ts'
import { sessionPreview } from '../agents/preview.ts'

type Params = { session_id: string }

export function reportRoutes({ app, node }: Api): void {
  app.route({
    method: 'GET',
    url: '/v1/sessions/stats',
    schema: {
      operationId: 'get_session_stats',
      response: { 200: SessionStats, '4xx': ErrorResponse },
    },
    handler: ({ principal, db }) => sessionStats(db, principal.orgId),
  })

  app.route<{ Params: Params }>({
    method: 'GET',
    url: '/v1/sessions/:session_id/events/summary',
    schema: {
      operationId: 'summarize_events',
      response: { 200: EventsSummary, '4xx': ErrorResponse },
    },
    async handler({ params, principal, db }) {
      const sessionId = parseId('session', params.session_id)
      const upTo = await getSequence(db, principal.orgId, sessionId)
      return eventsSummary(db, sessionId, upTo)
    },
  })

  app.route<{ Params: Params }>({
    method: 'GET',
    url: '/v1/sessions/:session_id/context-report',
    schema: {
      operationId: 'get_context_report',
      response: { 200: ContextReport, '4xx': ErrorResponse },
    },
    async handler({ params, principal: { orgId }, db }) {
      const session = await getSession(db, orgId, parseId('session', params.session_id))
      const preview = await sessionPreview({ ...node, db }, orgId, session)
      return reportOf(session, preview, viewOf(await readConversation(db, session.id)))
    },
  })
}

type Contribution = ContextReport['contributions'][number]

function reportOf(
  session: Session,
  { system_prompt, tools, model }: Preview,
  entries: readonly ConversationEntry[],
): ContextReport {
  const prompt: Contribution = {
    section_key: 'system_prompt',
    source_id: 'agent',
    label: 'System prompt',
    tokens: tokensOfText(system_prompt),
  }
  const ofTools: Contribution[] = tools.map(({ name, description, parameters, capability_id }) => ({
    section_key: 'tools',
    source_id: capability_id ?? 'client',
    label: name,
    tokens: tokensOfText(JSON.stringify({ name, description, parameters })),
  }))
  const sections = [
    sectionOf('system_prompt', 'System prompt', system_prompt === '' ? [] : [prompt]),
    sectionOf('tools', 'Tools', ofTools),
    { ...sectionOf('messages', 'Messages', byRole(entries)), items: entries.length },
  ]
  const profile = model && profileOf(model.provider_type as never, model.model_id)
  return {
    session_id: session.id,
    model: model?.model_id ?? '',
    context_window_tokens: profile?.limits?.context ?? null,
    estimated_input_tokens: sections.reduce((sum, { tokens }) => sum + tokens, 0),
    sections: sections.map(({ key, label, tokens, items }) => ({ key, label, tokens, items })),
    contributions: sections.flatMap(({ parts }) => parts),
    cumulative_usage: session.usage,
  }
}

const sectionOf = (key: string, label: string, parts: Contribution[]) => ({
  key,
  label,
  tokens: parts.reduce((sum, { tokens }) => sum + tokens, 0),
  items: parts.length,
  parts,
})

function byRole(entries: readonly ConversationEntry[]): Contribution[] {
  const tokens = new Map<string, number>()
  for (const { message } of entries) {
    tokens.set(message.role, (tokens.get(message.role) ?? 0) + tokensOf(message))
  }
  return [...tokens].map(([role, tokens]) => ({
    section_key: 'messages',
    source_id: role,
    label: role,
    tokens,
  }))
}
