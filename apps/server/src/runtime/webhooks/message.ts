import { createHmac } from 'node:crypto'

/** An event as receivers get it. `data` is JSON. */
export type WebhookMessage = { id: string; type: string; timestamp: string; data: string }

export type SigningSecrets = {
  /** Secrets of webhooks, as clients have them: the current one first. */
  standard: readonly string[]
  /** Secret of a task webhook. */
  task: string | undefined
}

export const secretStart = 'whsec_'

const bodyOf = ({ id, type, timestamp, data }: WebhookMessage) =>
  `{"id":${JSON.stringify(id)},"type":${JSON.stringify(type)},"timestamp":"${timestamp}","data":${data}}`

/** The state of a task that published clients expect for the end of a turn. */
const taskStates: Record<string, string> = {
  'turn.completed': 'succeeded',
  'turn.failed': 'failed',
  'turn.cancelled': 'canceled',
}

/** The body with the properties that receivers of task webhooks read. */
function taskBodyOf(message: WebhookMessage): string {
  const { session_id, turn_id } = JSON.parse(message.data) as Record<string, string>
  const task = {
    id: turn_id,
    display_name: 'turn',
    kind: 'turn',
    state: taskStates[message.type],
    session_id,
    summary: null,
    result_path: null,
  }
  return `${bodyOf(message).slice(0, -1)},"event":"task.ended","task":${JSON.stringify(task)}}`
}

const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text)

const keyOf = (secret: string) => Buffer.from(secret.slice(secretStart.length), 'base64')

/**
 * The body and the headers of a request, by the Standard Webhooks specification. `sentAt` is the
 * time of this attempt in ms since 1970.
 */
export function signedRequest(
  message: WebhookMessage,
  { isForTasks, secrets, sentAt }: { isForTasks: boolean; secrets: SigningSecrets; sentAt: number },
): { body: string; headers: Record<string, string> } {
  const body = isForTasks ? taskBodyOf(message) : bodyOf(message)
  const seconds = String(Math.floor(sentAt / 1000))
  const { standard, task } = secrets
  const keys = [...standard.map(keyOf), ...(task === undefined ? [] : [Buffer.from(task)])]
  const signed = `${message.id}.${seconds}.${body}`
  const signatures = keys.map((key) => `v1,${hmac(key, signed).digest('base64')}`)
  return {
    body,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Outlast-Webhooks',
      'webhook-id': message.id,
      'webhook-timestamp': seconds,
      ...(signatures.length > 0 && { 'webhook-signature': signatures.join(' ') }),
      ...(task !== undefined && {
        'x-everruns-signature': `sha256=${hmac(Buffer.from(task), body).digest('hex')}`,
      }),
    },
  }
}
