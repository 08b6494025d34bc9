import { Alert, Badge, Code, Collapse, Group, Loader, Text, UnstyledButton } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { AgentMessage, Notice, ToolCallItem, TranscriptItem, UserMessage } from '@outlast/sdk'
import { memo } from 'react'
import { Markdown } from '../markdown/markdown.tsx'
import { ApprovalForm } from './approval.tsx'

/** One item of a conversation; drawn again only when it changed. */
export const Item = memo(({ item, sessionId }: { item: TranscriptItem; sessionId: string }) => {
  switch (item.kind) {
    case 'user_message':
      return <Said item={item} />
    case 'agent_message':
      return <Answered item={item} />
    case 'tool_call':
      return <ToolCard item={item} sessionId={sessionId} />
    case 'notice':
      return <Told item={item} />
  }
})

function Said({ item: { content, isQueued } }: { item: UserMessage }) {
  return (
    <div className="message user">
      {content.map((part, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: parts of a stored message do not move
        <Part key={at} part={part} />
      ))}
      {isQueued && (
        <Text size="xs" c="dimmed">
          Waits for its turn
        </Text>
      )}
    </div>
  )
}

function Part({ part }: { part: UserMessage['content'][number] }) {
  if (part.type === 'text') return <span>{part.text}</span>
  if (part.type !== 'image') return <Code block>{JSON.stringify(part, null, 2)}</Code>
  const source = part.url ?? `data:${part.media_type ?? 'image/png'};base64,${part.base64}`
  return <img src={source} alt="Attached" className="attached" />
}

function Answered({ item: { text, thinking, isStreaming } }: { item: AgentMessage }) {
  if (!isStreaming && text === '' && thinking === '') return null
  return (
    <div className="message agent">
      {thinking !== '' && <Thinking text={thinking} />}
      {text !== '' && <Markdown text={text} />}
      {isStreaming && text === '' && (
        <Loader type="dots" size="sm" aria-label="The agent answers" />
      )}
    </div>
  )
}

function Thinking({ text }: { text: string }) {
  const [isOpen, { toggle }] = useDisclosure()
  return (
    <div className="thinking">
      <UnstyledButton onClick={toggle} aria-expanded={isOpen}>
        <Text size="sm" c="dimmed">
          {isOpen ? '▾' : '▸'} Thinking
        </Text>
      </UnstyledButton>
      <Collapse expanded={isOpen}>
        <Text size="sm" c="dimmed" className="thought">
          {text}
        </Text>
      </Collapse>
    </div>
  )
}

const colors = {
  waiting: 'yellow',
  running: 'blue',
  done: 'green',
  failed: 'red',
  cancelled: 'gray',
} as const

function ToolCard({ item, sessionId }: { item: ToolCallItem; sessionId: string }) {
  const [isOpen, { toggle }] = useDisclosure()
  const { name, status, durationMs, error, progress, approval } = item
  return (
    <div className="tool">
      <UnstyledButton onClick={toggle} aria-expanded={isOpen} w="100%">
        <Group gap="xs" wrap="nowrap">
          <Badge color={colors[status]} variant="light" size="sm">
            {status}
          </Badge>
          <Text ff="monospace" size="sm" truncate>
            {name}
          </Text>
          {durationMs !== undefined && (
            <Text size="xs" c="dimmed">
              {durationMs} ms
            </Text>
          )}
          {progress && (
            <Text size="xs" c="dimmed">
              {progress.message ?? progress.progress}
            </Text>
          )}
        </Group>
      </UnstyledButton>
      {error && (
        <Text size="sm" c="red">
          {error}
        </Text>
      )}
      {approval?.state === 'requested' && <ApprovalForm call={item} sessionId={sessionId} />}
      <Collapse expanded={isOpen}>
        <Code block>{JSON.stringify(item.arguments, null, 2)}</Code>
        {item.result && <Code block>{item.result.map(partText).join('\n')}</Code>}
      </Collapse>
    </div>
  )
}

const partText = (part: NonNullable<ToolCallItem['result']>[number]) =>
  part.type === 'text' ? part.text : JSON.stringify(part)

function Told({ item }: { item: Notice }) {
  switch (item.type) {
    case 'turn.failed':
      return (
        <Alert color="red" mb="md" title="The turn failed">
          {item.data.error}
        </Alert>
      )
    case 'turn.cancelled':
      return <Line text="The turn was cancelled." />
    case 'context.compacted':
      return <Line text="What came before was summarized for the model." />
    case 'mcp.unavailable':
      return (
        <Alert color="yellow" mb="md">
          The tools of {item.data.name} could not be reached.
        </Alert>
      )
  }
}

const Line = ({ text }: { text: string }) => (
  <Text size="sm" c="dimmed" ta="center" mb="md">
    {text}
  </Text>
)
