import { Checkbox, Group, TagsInput, Text, Textarea } from '@mantine/core'
import { NumberField } from '../form/number-field.tsx'
import type { AgentFormProps } from './basics.tsx'
import { jsonProblem, labels } from './draft.ts'
import { useProblem } from './problems.ts'

/** Limits of the agent's turns: model calls, tool calls and hosts. */
export function Limits({ form: { draft, change } }: AgentFormProps) {
  const { maxIterations, oneCall, allowedHosts, blockedHosts } = draft
  const isSet = maxIterations !== null || oneCall || [...allowedHosts, ...blockedHosts].length > 0
  return (
    <details className="config-part" open={isSet}>
      <summary>Limits</summary>
      <Group align="flex-end">
        <NumberField
          size="sm"
          label={labels.maxIterations}
          placeholder="As the server"
          min={1}
          max={10_000}
          allowDecimal={false}
          value={maxIterations ?? ''}
          onChange={(value) => change({ maxIterations: value === '' ? null : value })}
          error={useProblem('max_iterations')}
        />
        <Checkbox
          size="sm"
          mb={8}
          label={labels.oneCall}
          checked={oneCall}
          onChange={(event) => change({ oneCall: event.currentTarget.checked })}
        />
      </Group>
      <Group grow align="flex-start">
        <Hosts
          label={labels.allowedHosts}
          placeholder="Every public host"
          value={allowedHosts}
          onChange={(hosts) => change({ allowedHosts: hosts })}
          error={useProblem('network_access/allowed', true)}
        />
        <Hosts
          label={labels.blockedHosts}
          placeholder="example.com, *.example.com"
          value={blockedHosts}
          onChange={(hosts) => change({ blockedHosts: hosts })}
          error={useProblem('network_access/blocked', true)}
        />
      </Group>
    </details>
  )
}

type HostsProps = {
  label: string
  placeholder: string
  value: string[]
  onChange: (hosts: string[]) => void
  error: string | undefined
}

const Hosts = ({ placeholder, value, ...rest }: HostsProps) => (
  <TagsInput
    size="sm"
    maxTags={200}
    placeholder={value.length === 0 ? placeholder : ''}
    value={value}
    {...rest}
  />
)

const fileExample = `[
  { "path": "/guides/refunds.md", "content": "Refund within 14 days.", "is_readonly": true }
]`

/** Files that each new session gets. */
export function InitialFiles({ form }: AgentFormProps) {
  const problem = useProblem('initial_files', true)
  const { files } = form.draft
  return (
    <details className="config-part" open={files !== ''}>
      <summary>{labels.files}</summary>
      <Text size="xs" c="dimmed">
        A JSON list of files that new sessions of the agent start with.
      </Text>
      <Textarea
        size="xs"
        aria-label={`${labels.files} (JSON)`}
        placeholder={fileExample}
        autosize
        minRows={4}
        maxRows={24}
        spellCheck={false}
        {...form.text('files')}
        error={jsonProblem(files) ?? problem}
        classNames={{ input: 'code-input' }}
      />
    </details>
  )
}
