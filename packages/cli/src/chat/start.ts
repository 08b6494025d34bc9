import type {
  Controls,
  InputContentPart,
  Message,
  NewMessage,
  OnBusy,
  Outlast,
  Session,
} from '@outlast/sdk'
import { UsageError } from '../core/failure.ts'
import type { Io } from '../core/io.ts'
import { modelOf } from './target.ts'

/** Options of a conversation on the command line. */
export type Start = {
  agent: string | undefined
  session: string | undefined
  model: string | undefined
  effort: string | undefined
  title: string | undefined
  tags: readonly string[]
  /** Image files for the first message. */
  images: readonly string[]
  consent: Consent
  isVerbose: boolean
}

/** Reason of a denial by `--approve none`. */
export const noApprover = 'No user is available to approve this call.'

export type Consent = (typeof consents)[number]
export const consents = ['ask', 'all', 'none'] as const

/** Contract: throws a UsageError for flags of a new session together with an existing one. */
export function checkStart({ session, agent, title, tags }: Start): void {
  if (session === undefined) return
  if (agent !== undefined)
    throw new UsageError('--agent cannot be combined with --session, which has its agent.')
  if (title !== undefined || tags.length > 0) {
    throw new UsageError('--title and --tag cannot be combined with --session.')
  }
}

/** Builds the controls of every message. */
export async function controlsOf(
  calls: { outlast: Outlast; signal: AbortSignal },
  { model, effort }: Pick<Start, 'model' | 'effort'>,
): Promise<Controls | undefined> {
  const model_id = model === undefined ? undefined : (await modelOf(calls, model)).id
  if (model_id === undefined && effort === undefined) return undefined
  return { ...(model_id && { model_id }), ...(effort && { reasoning: { effort } }) }
}

export const newSession = (
  outlast: Outlast,
  agent_id: string,
  { title, tags }: Pick<Start, 'title' | 'tags'>,
  signal: AbortSignal,
): Promise<Session> =>
  outlast.sessions.create(
    {
      agent_id,
      ...(title !== undefined && { title }),
      ...(tags.length > 0 && { tags: [...tags] }),
    },
    { signal },
  )

export type MessageOptions = {
  controls?: Controls | undefined
  on_busy?: OnBusy | undefined
  images?: readonly InputContentPart[]
}

export const messageOf = (
  text: string,
  { controls, on_busy, images = [] }: MessageOptions,
): NewMessage => ({
  message: { role: 'user', content: [{ type: 'text', text }, ...images] },
  ...(controls && { controls }),
  ...(on_busy && { on_busy }),
})

/** Reads the latest messages of a session, in their order. */
export async function latestMessages(outlast: Outlast, id: string): Promise<Message[]> {
  const limit = 100
  const { total } = await outlast.messages.list(id, { limit: 1 })
  return (await outlast.messages.list(id, { limit, offset: Math.max(0, total - limit) })).data
}

/** Whether the terminal is one that supports links. */
export const hasLinks = ({ env }: Io): boolean =>
  /^(iTerm\.app|WezTerm|vscode|ghostty|Hyper|rio)$/.test(env.TERM_PROGRAM ?? '') ||
  Number(env.VTE_VERSION ?? 0) >= 5000 ||
  env.TERM === 'xterm-kitty' ||
  Boolean(env.WT_SESSION || env.KONSOLE_VERSION || env.DOMTERM)
