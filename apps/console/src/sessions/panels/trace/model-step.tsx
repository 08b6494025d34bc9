import { Button, Loader } from '@mantine/core'
import type { Event } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { memo } from 'react'
import { invalidate, outlast } from '../../../client.ts'
import { sentenceOf } from '../../../errors.ts'
import { sessionKeys } from '../../../queries/keys.ts'
import { generationQuery } from '../../../queries/sessions.ts'
import { Failure } from '../../../shell/screen/screen.tsx'
import { Named } from '../../../shell/text/identity.tsx'
import { costText } from '../../../shell/text/money.ts'
import { handedOver } from '../../composer/attachments.ts'
import type { Attachment } from '../../composer/content.ts'
import { writeDraft } from '../../composer/drafts.ts'
import { sequenceBefore } from '../../conversation/fork.ts'
import { CopyAction } from '../../parts/action.tsx'
import { durationOf } from '../../parts/duration.ts'
import { useKept } from '../../parts/kept.tsx'
import { LongText } from '../../parts/long-text.tsx'
import { Json } from '../../tools/json.tsx'
import type { Turn } from '../turns.ts'
import { type Fact, FactList } from './fact-list.tsx'
import { Views } from './views.tsx'

type Generation = Extract<Event, { type: 'llm.generation' }>

type ModelStepProps = {
  turn: Turn
  events: readonly Event[]
  sessionId: string
  /** Of the `llm.generation`. */
  sequence: number
}

/** A model call: the messages as sent, the tools, the reply, and the amounts. */
export function ModelStep({ turn, events, sessionId, sequence }: ModelStepProps) {
  const found = useQuery(generationQuery(sessionId, sequence))
  if (found.isError) return <Failure error={found.error} retry={found.refetch} />
  if (!found.data) return <Loader type="dots" size="sm" m="sm" aria-label="Loading the call" />
  const { messages, output, tools = [], metadata } = found.data.data
  const name = `generation ${sequence}`
  return (
    <Views
      name="a model call"
      actions={
        <>
          <OpenInPlayground turn={turn} events={events} sessionId={sessionId} />
          <CopyAction label="Copy as curl" icon="terminal" text={curlOf(sessionId, sequence)} />
        </>
      }
      views={[
        {
          name: 'Messages',
          count: messages.length,
          content: () => <Messages name={name} messages={messages} />,
        },
        { name: 'Reply', content: () => <Reply name={name} output={output} /> },
        { name: 'Tools', count: tools.length, content: () => <Tools tools={tools} /> },
        { name: 'Parameters', content: () => <Facts metadata={metadata} /> },
        { name: 'Raw', content: () => <Json name={`raw ${name}`} value={found.data} /> },
      ]}
    />
  )
}

type Messages = Generation['data']['messages']

const shownFirst = 30
const shownMore = 100

/** The last messages, after the system prompt. Earlier ones are shown on request. */
function Messages({ name, messages }: { name: string; messages: Messages }) {
  const [count, setCount] = useKept(`shown ${name}`, shownFirst)
  const lead = messages[0]?.role === 'system' ? 1 : 0
  const first = Math.max(lead, messages.length - count)
  const hidden = first - lead
  return (
    <>
      {lead === 1 && <SentMessage name={`${name} 0`} message={messages[0]!} />}
      {hidden > 0 && (
        <Button
          className="sent-more"
          size="compact-xs"
          variant="default"
          onClick={() => setCount(count + shownMore)}
        >
          Show {Math.min(hidden, shownMore)} of {hidden.toLocaleString('en')} earlier messages
        </Button>
      )}
      {messages.slice(first).map((message, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: messages of a prompt do not move
        <SentMessage key={first + at} name={`${name} ${first + at}`} message={message} />
      ))}
    </>
  )
}

const SentMessage = memo(({ name, message }: { name: string; message: Messages[number] }) => (
  <div className="sent" data-role={message.role}>
    <div className="sent-role">{message.role}</div>
    {message.content.map((part, at) =>
      part.type === 'text' ? (
        // biome-ignore lint/suspicious/noArrayIndexKey: parts of a message do not move
        <LongText key={at} name={`${name} ${at}`} text={part.text} />
      ) : (
        // biome-ignore lint/suspicious/noArrayIndexKey: parts of a message do not move
        <Json key={at} name={`${name} ${at}`} label={part.type} value={part} />
      ),
    )}
  </div>
))

function Reply({ name, output }: { name: string; output: Generation['data']['output'] }) {
  const { text, tool_calls: calls = [] } = output
  if (!text && calls.length === 0) return <p className="nothing">The call returned no reply.</p>
  return (
    <>
      {text && <LongText name={`reply ${name}`} text={text} />}
      {calls.map((call) => (
        <Json key={call.id} name={`${name} ${call.id}`} label={call.name} value={call.arguments} />
      ))}
    </>
  )
}

const Tools = ({ tools }: { tools: NonNullable<Generation['data']['tools']> }) =>
  tools.length === 0 ? (
    <p className="nothing">The model could call no tools.</p>
  ) : (
    <dl className="offered">
      {tools.map(({ name, description }) => (
        <div key={name}>
          <dt>
            <Named name={name} />
          </dt>
          <dd>{description}</dd>
        </div>
      ))}
    </dl>
  )

type Metadata = Generation['data']['metadata']

const timeOf = (ms: number | undefined) => (ms === undefined ? undefined : durationOf(ms))
const numberOf = (count: number | undefined) => count?.toLocaleString('en')

function Facts({ metadata }: { metadata: Metadata }) {
  const { usage, provider, model, response_id: responseId, finish_reasons: ends } = metadata
  const facts: Fact[] = [
    ['Model', model],
    ['Provider', provider],
    ['Time to first token', timeOf(metadata.time_to_first_token_ms)],
    ['Duration', timeOf(metadata.duration_ms)],
    ['Input tokens', numberOf(usage?.input_tokens)],
    ['Cached input tokens', numberOf(usage?.cache_read_tokens)],
    ['Output tokens', numberOf(usage?.output_tokens)],
    ['Cost', usage && costText(usage.cost_usd)],
    ['Finish reason', ends?.join(', ')],
    ['Retries', numberOf(metadata.retry?.attempts || undefined)],
    ['Error code', metadata.error_code ?? undefined],
    ['Response id', responseId],
  ]
  return <FactList facts={facts} />
}

/** A command that prints the call. The key of the caller is not part of it. */
const curlOf = (sessionId: string, sequence: number) =>
  `curl "${location.origin}/v1/sessions/${sessionId}/events?after_sequence=${sequence - 1}&limit=1&expand=messages" -H "Authorization: Bearer $OUTLAST_API_KEY"`

/** Opens a fork that ends before the turn, with its message as the draft. */
function OpenInPlayground({ turn, events, sessionId }: Omit<ModelStepProps, 'sequence'>) {
  const navigate = useNavigate()
  const { input } = turn
  const fork = useMutation({
    mutationFn: (messageId: string) =>
      outlast.sessions.fork(sessionId, { at_sequence: sequenceBefore(events, messageId) }),
    onSuccess({ id, agent_id: agentId }) {
      writeDraft(id, { text: inputTextOf(input!) })
      handedOver.set(id, attachmentsOf(input!))
      invalidate(sessionKeys.lists)
      navigate({
        to: '/agents/$agentId',
        params: { agentId },
        search: { side: 'playground', session: id },
      })
    },
  })
  if (!input) return null
  return (
    <>
      {fork.isError && <span role="alert">{sentenceOf(fork.error)}</span>}
      <Button
        size="compact-xs"
        variant="default"
        loading={fork.isPending}
        onClick={() => fork.mutate(input.id)}
      >
        Open in playground
      </Button>
    </>
  )
}

/** The images of a message. Their keys differ from those of files that are attached later. */
const attachmentsOf = ({ content }: NonNullable<Turn['input']>) =>
  content.flatMap((part, at): Attachment[] => {
    if (part.type !== 'image' && part.type !== 'image_file') return []
    const name = (part.type === 'image_file' && part.filename) || 'Image'
    return [{ key: -1 - at, name, sizeBytes: 0, state: 'ready', part }]
  })

const inputTextOf = ({ content }: NonNullable<Turn['input']>) =>
  content.map((part) => (part.type === 'text' ? part.text : '')).join('')
