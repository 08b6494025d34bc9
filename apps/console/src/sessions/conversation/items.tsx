import { Code, Collapse, Loader, Text, UnstyledButton } from '@mantine/core'
import type {
  AgentMessage,
  InputContentPart,
  Notice,
  TranscriptItem,
  UserMessage,
} from '@outlast/sdk'
import { memo, type ReactElement, Suspense, useState } from 'react'
import { Markdown } from '../../markdown/markdown.tsx'
import { Icon } from '../../shell/controls/icon.tsx'
import { lazyPart } from '../../shell/screen/lazy-part.ts'
import { Action } from '../parts/action.tsx'
import { useKept } from '../parts/kept.tsx'
import { LongText } from '../parts/long-text.tsx'
import { OrText } from '../parts/or-text.tsx'
import { usePlace } from '../parts/session-place.tsx'
import { ToolCard } from '../tools/tool-card.tsx'
import { WritingCallLine } from '../tools/writing-call.tsx'
import { MessageFacts, ReplyFacts } from './facts.tsx'

const Json = lazyPart(() => import('../tools/json.tsx').then((all) => ({ default: all.Json })))
const Picture = lazyPart(() =>
  import('../parts/picture.tsx').then((all) => ({ default: all.Picture })),
)
const UploadedPicture = lazyPart(() =>
  import('../parts/picture.tsx').then((all) => ({ default: all.UploadedPicture })),
)
const MessageEdit = lazyPart(() =>
  import('./message-edit.tsx').then((all) => ({ default: all.MessageEdit })),
)
const NoticeAlert = lazyPart(() =>
  import('./notice-alert.tsx').then((all) => ({ default: all.NoticeAlert })),
)
const MessageActions = lazyPart(() =>
  import('./message-actions.tsx').then((all) => ({ default: all.MessageActions })),
)
const ReplyLine = lazyPart(() =>
  import('./reply-line.tsx').then((all) => ({ default: all.ReplyLine })),
)

/** One item of a conversation. Re-renders only when the item changed. */
export const Item = memo(({ item }: { item: TranscriptItem }) => (
  <OrText name={item.key} text={fallbackTextOf(item)} of={item}>
    <ItemBody item={item} />
  </OrText>
))

function fallbackTextOf(item: TranscriptItem): string {
  if (item.kind === 'tool_call') return item.name
  return item.kind === 'notice' ? item.type : item.text
}

function ItemBody({ item }: { item: TranscriptItem }) {
  switch (item.kind) {
    case 'user_message':
      return <UserBubble item={item} />
    case 'agent_message':
      return <AgentReply item={item} />
    case 'tool_call':
      return <ToolCard item={item} />
    case 'notice':
      return <NoticeLine item={item} />
  }
}

function UserBubble({ item }: { item: UserMessage }) {
  const { id, content, text, isQueued } = item
  const { isReadOnly } = usePlace()
  const [edited, setEdited] = useKept<string | undefined>(`edit ${id}`, undefined)
  const [isLeft, setLeft] = useState(false)
  if (edited !== undefined) {
    const close = () => {
      setEdited(undefined)
      setLeft(true)
    }
    return (
      <Suspense>
        <MessageEdit item={item} text={edited} setText={setEdited} close={close} />
      </Suspense>
    )
  }
  return (
    <div className="said">
      <div className="message user">
        <UserParts name={id} content={content} />
        {isQueued && (
          <Text size="xs" c="dimmed">
            Queued until the current turn ends
          </Text>
        )}
      </div>
      <div className="message-line">
        {!isReadOnly && (
          <Suspense>
            <MessageActions messageId={id} text={text} isBefore>
              {!isQueued && (
                <Action
                  label="Edit and send again"
                  icon="edit"
                  onClick={() => setEdited(text)}
                  autoFocus={isLeft}
                />
              )}
            </MessageActions>
          </Suspense>
        )}
        <MessageFacts item={item} />
      </div>
    </div>
  )
}

type MessagePart = UserMessage['content'][number] | InputContentPart

/** The parts of a user's message. `name` identifies the message. */
export function UserParts({ name, content }: { name: string; content: readonly MessagePart[] }) {
  return content.map((part, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: parts of a message do not move
    <Suspense key={at}>
      <UserPart name={`${name} ${at}`} part={part} />
    </Suspense>
  ))
}

function UserPart({ name, part }: { name: string; part: MessagePart }) {
  const { isReadOnly } = usePlace()
  if (part.type === 'text') return <LongText name={name} text={part.text} />
  if (part.type === 'image') return <Picture part={part} />
  if (part.type === 'image_file') {
    if (isReadOnly) return <Line text={`Image: ${part.filename ?? part.image_id}`} />
    return <UploadedPicture id={part.image_id} name={part.filename ?? 'Image'} />
  }
  return <Code block>{JSON.stringify(part, null, 2)}</Code>
}

/** Longer texts are shown plain, because rendering Markdown takes too long. */
const markdownLengthMax = 100_000

function AgentReply({ item }: { item: AgentMessage }) {
  const { key, id, text, thinking, writing, isStreaming, attempt } = item
  const { output, outputErrors } = item
  const { isReadOnly } = usePlace()
  return (
    <div className="answered">
      <div className="message agent" data-streaming={isStreaming}>
        {thinking !== '' && (
          <Thinking name={key} text={thinking} isThinking={isStreaming && text === ''} />
        )}
        {output !== undefined ? (
          <Suspense>
            <Json name={`output ${key}`} label="Output" value={output} />
          </Suspense>
        ) : text.length > markdownLengthMax ? (
          <LongText name={key} text={text} />
        ) : (
          text !== '' && <Markdown text={text} isGrowing={isStreaming} />
        )}
        {writing.map((call) => (
          <WritingCallLine key={call.id} call={call} />
        ))}
        {isStreaming && text === '' && writing.length === 0 && (
          <Loader type="dots" size="sm" aria-label="The agent is replying" />
        )}
        {outputErrors && (
          <Text size="xs" c="dimmed">
            Does not match the output schema:{' '}
            {outputErrors.map(({ path, message }) => `${path} ${message}`.trim()).join('; ')}
          </Text>
        )}
        {isStreaming && attempt > 1 && (
          <Text size="xs" c="dimmed">
            Retrying: attempt {attempt}
          </Text>
        )}
      </div>
      {!isStreaming &&
        id &&
        text !== '' &&
        (isReadOnly ? (
          <ReplyFacts item={{ ...item, usage: undefined }} />
        ) : (
          <Suspense
            fallback={
              <div className="message-line">
                <ReplyFacts item={item} />
              </div>
            }
          >
            <ReplyLine item={item} id={id} />
          </Suspense>
        ))}
    </div>
  )
}

type ThinkingProps = { name: string; text: string; isThinking: boolean }

function Thinking({ name, text, isThinking }: ThinkingProps) {
  const [isOpen, setOpen] = useKept(`thinking ${name}`, false)
  return (
    <div className="thinking">
      <UnstyledButton onClick={() => setOpen(!isOpen)} aria-expanded={isOpen} className="fold">
        <Icon name="chevron" size={14} />
        {isThinking ? 'Thinking…' : 'Thinking'}
      </UnstyledButton>
      <Collapse expanded={isOpen}>
        {isOpen && (
          <div className="thought">
            <LongText name={`thought ${name}`} text={text} />
          </div>
        )}
      </Collapse>
    </div>
  )
}

function NoticeLine({ item }: { item: Notice }): ReactElement {
  switch (item.type) {
    case 'turn.failed':
    case 'mcp.unavailable':
    case 'capability.unavailable':
      return (
        <Suspense fallback={<LongText name={item.key} text={item.data.error} />}>
          <NoticeAlert item={item} />
        </Suspense>
      )
    case 'turn.cancelled':
      return (
        <Line text={item.data.reason ? `Turn canceled: ${item.data.reason}` : 'Turn canceled.'} />
      )
    case 'context.compacted':
      return <Line text="Earlier messages were summarized for the model." />
  }
}

const Line = ({ text }: { text: string }) => <div className="told">{text}</div>
