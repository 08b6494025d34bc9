import { Button, Group, NativeSelect, Text, Textarea, TextInput } from '@mantine/core'
import type { Approval, ToolCallItem } from '@outlast/sdk'
import { useMutation } from '@tanstack/react-query'
import { useRef } from 'react'
import { invalidate, outlast } from '../../client.ts'
import { sendFailureOf } from '../../errors.ts'
import { toolRulesQuery } from '../../queries/tool-rules.ts'
import { Problem } from '../../shell/screen/problem.tsx'
import { Ago } from '../../shell/text/ago.tsx'
import { useKept } from '../parts/kept.tsx'
import { usePlace } from '../parts/session-place.tsx'
import { objectIn } from './arguments.ts'
import { focusCard } from './card-focus.ts'
import { Json } from './json.tsx'
import { jsonOf } from './json-text.ts'

type Scope = '' | NonNullable<Approval['always']>

const scopes = [
  { value: '', label: 'Only this call' },
  { value: 'session', label: 'Always in this session' },
  { value: 'agent', label: 'Always for this agent' },
] satisfies { value: Scope; label: string }[]

/** Asks for a decision on a tool call. Arguments can be edited, and a denial can have a reason. */
export function ApprovalForm({ call }: { call: ToolCallItem }) {
  const { sessionId } = usePlace()
  const [edited, setEdited] = useKept<string | undefined>(`arguments ${call.key}`, undefined)
  const [always, setAlways] = useKept<Scope>(`always ${call.key}`, '')
  const decide = useMutation({
    mutationFn: (approval: Approval) =>
      outlast.sessions.decideToolCall(sessionId, call.id, approval),
    onSuccess: () => always && invalidate(toolRulesQuery('session', sessionId).queryKey),
  })
  const changed = edited === undefined ? undefined : objectIn(edited)
  const isWrong = edited !== undefined && changed === undefined
  const form = useRef<HTMLDivElement>(null)
  function answer(approval: Approval) {
    focusCard(form.current!)
    decide.mutate({ ...approval, ...(always && { always }) })
  }
  const approve = () => answer({ decision: 'approve', ...(changed && { arguments: changed }) })
  return (
    <div ref={form} className="approval">
      <Text size="sm" fw={600}>
        Approve this tool call?
      </Text>
      {call.approval?.expiresAt && (
        <Text size="xs" c="dimmed">
          Denied automatically <Ago at={call.approval.expiresAt} />.
        </Text>
      )}
      <EditableArguments call={call} edited={edited} edit={setEdited} isWrong={isWrong} />
      <Group gap="xs">
        <Button size="xs" onClick={approve} loading={decide.isPending} disabled={isWrong}>
          {changed ? 'Approve with edits' : 'Approve'}
        </Button>
        <Button
          size="xs"
          variant="default"
          onClick={() => setEdited(edited === undefined ? jsonOf(call.arguments) : undefined)}
        >
          {edited === undefined ? 'Edit arguments' : 'Discard edits'}
        </Button>
        <NativeSelect
          size="xs"
          aria-label="Applies to"
          data={scopes}
          value={always}
          onChange={({ currentTarget }) => setAlways(currentTarget.value as Scope)}
        />
      </Group>
      <Denial
        call={call}
        isBusy={decide.isPending}
        deny={(reason) => answer({ decision: 'deny', ...(reason && { reason }) })}
      />
      <Problem error={decide.error} toText={sendFailureOf} />
    </div>
  )
}

type ArgumentsProps = {
  call: ToolCallItem
  edited: string | undefined
  edit: (text: string) => void
  isWrong: boolean
}

function EditableArguments({ call, edited, edit, isWrong }: ArgumentsProps) {
  if (edited === undefined) {
    return <Json name={`asks ${call.key}`} label="Arguments" value={call.arguments} />
  }
  return (
    <Textarea
      label="Arguments"
      autosize
      minRows={3}
      maxRows={16}
      value={edited}
      onChange={({ currentTarget }) => edit(currentTarget.value)}
      error={isWrong && 'Enter a JSON object.'}
      classNames={{ input: 'mono' }}
    />
  )
}

type DenialProps = { call: ToolCallItem; isBusy: boolean; deny: (reason: string) => void }

function Denial({ call, isBusy, deny }: DenialProps) {
  const [reason, setReason] = useKept(`reason ${call.key}`, '')
  return (
    <Group gap="xs" wrap="nowrap">
      <Button size="xs" color="red" variant="light" onClick={() => deny(reason)} loading={isBusy}>
        Deny
      </Button>
      <TextInput
        size="xs"
        aria-label="Reason"
        placeholder="Reason (sent to the agent)"
        value={reason}
        onChange={({ currentTarget }) => setReason(currentTarget.value)}
        flex={1}
      />
    </Group>
  )
}
