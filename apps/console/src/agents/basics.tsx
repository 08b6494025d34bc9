import { Group, Select, TagsInput, Text, Textarea, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { type Draft, jsonProblem } from './draft.ts'
import { useProblem } from './problems.ts'

export type EditProps = {
  draft: Draft
  change: (change: Partial<Draft>) => void
}

/** Who an agent is: name, description, model, tags. */
export function Basics({ draft, change }: EditProps) {
  return (
    <>
      <TextInput
        size="sm"
        label="Name"
        withAsterisk
        maxLength={255}
        value={draft.name}
        onChange={({ currentTarget }) => change({ name: currentTarget.value })}
        error={useProblem('name')}
      />
      <TextInput
        size="sm"
        label="Description"
        maxLength={10_240}
        value={draft.description}
        onChange={({ currentTarget }) => change({ description: currentTarget.value })}
        error={useProblem('description')}
      />
      <Group grow align="flex-start">
        <ModelChoice draft={draft} change={change} />
        <TagsInput
          size="sm"
          label="Tags"
          placeholder={draft.tags.length === 0 ? 'Enter after each' : ''}
          maxTags={50}
          value={draft.tags}
          onChange={(tags) => change({ tags })}
          error={useProblem('tags', true)}
        />
      </Group>
    </>
  )
}

const modelChoices = {
  queryKey: ['models', 'choices'],
  async queryFn() {
    const models = await outlast.models.list()
    const groups = Map.groupBy(
      models.data.filter(({ status }) => status === 'active'),
      ({ provider_name }) => provider_name,
    )
    return [...groups].map(([group, items]) => ({
      group,
      items: items.map(({ id, display_name }) => ({ value: id, label: display_name })),
    }))
  },
}

function ModelChoice({ draft, change }: EditProps) {
  const models = useQuery(modelChoices)
  return (
    <Select
      size="sm"
      label="Model"
      placeholder="The default"
      clearable
      searchable
      limit={200}
      data={models.data ?? []}
      value={draft.modelId}
      onChange={(modelId) => change({ modelId })}
      error={useProblem('default_model_id')}
    />
  )
}

const promptMax = 1_048_576

export function Prompt({ draft, change }: EditProps) {
  const { length } = draft.prompt
  return (
    <Textarea
      size="sm"
      label={
        <Group justify="space-between" component="span">
          <span>
            System prompt{' '}
            <Text span c="red" aria-hidden="true">
              *
            </Text>
          </span>
          <Text span size="xs" c="dimmed" fw={400}>
            {length.toLocaleString('en')} characters
          </Text>
        </Group>
      }
      aria-label="System prompt"
      labelProps={{ style: { width: '100%' } }}
      maxLength={promptMax}
      autosize
      minRows={8}
      maxRows={24}
      value={draft.prompt}
      onChange={({ currentTarget }) => change({ prompt: currentTarget.value })}
      error={useProblem('system_prompt')}
      classNames={{ input: 'prompt-input' }}
    />
  )
}

const toolExample = `[
  {
    "type": "client_side",
    "name": "ask_customer",
    "description": "Asks the customer a question.",
    "parameters": { "type": "object", "properties": { "question": { "type": "string" } } }
  }
]`

/** Tools that the client runs. */
export function ClientTools({ draft, change }: EditProps) {
  const said = useProblem('tools', true)
  const { tools } = draft
  return (
    <details className="config-part" open={tools !== ''}>
      <summary>Tools of the client</summary>
      <Text size="xs" c="dimmed">
        A JSON list of tools that your program runs: the turn waits for what it says came of a call.
      </Text>
      <Textarea
        size="xs"
        aria-label="Tools of the client, as JSON"
        placeholder={toolExample}
        autosize
        minRows={8}
        maxRows={24}
        spellCheck={false}
        value={tools}
        onChange={({ currentTarget }) => change({ tools: currentTarget.value })}
        error={jsonProblem(tools) ?? said}
        classNames={{ input: 'code-input' }}
      />
    </details>
  )
}
