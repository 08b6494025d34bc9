import type {
  AgentCard,
  AgentEventQuery,
  AgentSession,
  AgentSessionPage,
  AgentSessionQuery,
  CancelTurnResponse,
  Event,
  Message,
  NewAgentMessage,
  NewAgentSession,
  QuestionAnswers,
  QuestionAnswersAccepted,
  RuntimeToken,
  ToolApprovals,
  ToolApprovalsResponse,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { type StreamOptions, streamSession } from '../http/stream.ts'

/** Settings of a call of a channel. */
export type ChannelCallOptions = CallOptions & {
  /** The user of your product for whom the key acts. The key needs `end_user`. */
  endUser?: string
}

/** Settings of a stream of a channel. */
export type ChannelStreamOptions = Omit<StreamOptions, 'types' | 'exclude' | 'accumulated'> & {
  endUser?: string
}

/** Calls one agent with a key of its channel, or a runtime token, as the `apiKey` of the client. */
export function channels(http: Http) {
  const { call } = http
  const base = (id: string) => path`/v1/channels/${id}`
  const one = (id: string, sessionId: string) => path`/v1/channels/${id}/sessions/${sessionId}`
  return {
    /** Returns the agent of a channel. */
    getCard: (id: string, options?: ChannelCallOptions) =>
      call<AgentCard>('GET', base(id), {}, forUser(options)),
    /** Creates a token of 15 minutes for `endUser`, for a browser or an app. */
    createRuntimeToken: (id: string, options: ChannelCallOptions) =>
      call<RuntimeToken>('POST', `${base(id)}/runtime-auth`, { hasSecret: true }, forUser(options)),
    /** Creates a session of the caller. */
    createSession: (id: string, body: NewAgentSession = {}, options?: ChannelCallOptions) =>
      call<AgentSession>('POST', `${base(id)}/sessions`, { body }, forUser(options)),
    /** Returns a page of the sessions of the caller, latest activity first. */
    listSessions: (id: string, query: AgentSessionQuery = {}, options?: ChannelCallOptions) =>
      call<AgentSessionPage>('GET', `${base(id)}/sessions`, { query }, forUser(options)),
    /** Returns a session of the caller. `not_found` for any other. */
    getSession: (id: string, sessionId: string, options?: ChannelCallOptions) =>
      call<AgentSession>('GET', one(id, sessionId), {}, forUser(options)),
    /** Sends a message, which starts a turn or joins the running one. */
    sendMessage: (
      id: string,
      sessionId: string,
      body: NewAgentMessage,
      options?: ChannelCallOptions,
    ) => call<Message>('POST', `${one(id, sessionId)}/messages`, { body }, forUser(options)),
    /** Cancels the running turn. */
    cancel: (id: string, sessionId: string, options?: ChannelCallOptions) =>
      call<CancelTurnResponse>('POST', `${one(id, sessionId)}/cancel`, {}, forUser(options)),
    /** Answers the questions of a session, or declines them. */
    answerQuestions: (
      id: string,
      sessionId: string,
      body: QuestionAnswers,
      options?: ChannelCallOptions,
    ) =>
      call<QuestionAnswersAccepted>(
        'POST',
        `${one(id, sessionId)}/question-answers`,
        { body },
        forUser(options),
      ),
    /** Decides on all tool calls that wait, if the channel leaves that to its callers. */
    decideToolCalls: (
      id: string,
      sessionId: string,
      body: ToolApprovals,
      options?: ChannelCallOptions,
    ) =>
      call<ToolApprovalsResponse>(
        'POST',
        `${one(id, sessionId)}/tool-approvals`,
        { body },
        forUser(options),
      ),
    /** Returns events that the channel shows, oldest first, after `after_sequence`. */
    listEvents: (
      id: string,
      sessionId: string,
      query: AgentEventQuery = {},
      options?: ChannelCallOptions,
    ) =>
      call<{ data: Event[] }>('GET', `${one(id, sessionId)}/events`, { query }, forUser(options)),
    /**
     * Streams the events that the channel shows, stored ones first.
     * Contract: as `events.stream`, across lost connections. Data of events is what the channel
     * shows, which may be less than the type says. Behind a proxy that buffers streams, one that
     * begins with `since_id` yields nothing: begin with `after_sequence`.
     */
    stream: (id: string, sessionId: string, { endUser, ...options }: ChannelStreamOptions = {}) =>
      streamSession(http, one(id, sessionId), {
        ...options,
        ...(endUser !== undefined && { headers: { ...options.headers, ...headersFor(endUser) } }),
        isOfChannel: true,
      }),
  }
}

function forUser(options: ChannelCallOptions = {}): CallOptions {
  const { endUser, ...others } = options
  if (endUser === undefined) return others
  return { ...others, headers: { ...others.headers, ...headersFor(endUser) } }
}

/** Headers hold bytes: the id is sent as UTF-8. */
function headersFor(endUser: string) {
  const bytes = new TextEncoder().encode(endUser)
  return { 'end-user': String.fromCharCode(...bytes) }
}
