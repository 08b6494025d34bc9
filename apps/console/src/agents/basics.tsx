import { Group, Select, TagsInput, Text, Textarea, TextInput } from '@mantine/core'
import type { ModelWithProvider } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { modelsQuery, pickable } from '../queries/models.ts'
import { jsonProblem } from './draft.ts'
import { useProblem } from './problems.ts'
import type { AgentForm } from './use-agent-form.ts'

export type AgentFormProps = { form: Pick<AgentForm, 'draft' | 'change' | 'text'> }

/** Name, description, model and tags. */
export function Basics({ form }: AgentFormProps) {
  const { draft, change, text } = form
  return (
    <>
      <TextInput
        size="sm"
        label="Name"
        withAsterisk
        maxLength={255}
        {...text('name')}
        error={useProblem('name')}
      />
      <TextInput
        size="sm"
        label="Display name"
        maxLength={255}
        {...text('displayName')}
        error={useProblem('display_name')}
      />
      <TextInput
        size="sm"
        label="Description"
        maxLength={10_240}
        {...text('description')}
        error={useProblem('description')}
      />
      <Group grow align="flex-start">
        <ModelChoice form={form} />
        <TagsInput
          size="sm"
          label="Tags"
          placeholder={draft.tags.length === 0 ? 'Press Enter after each tag' : ''}
          maxTags={50}
          value={draft.tags}
          onChange={(tags) => change({ tags })}
          error={useProblem('tags', true)}
        />
      </Group>
    </>
  )
}

function choicesOf(models: readonly ModelWithProvider[], chosen: string | null) {
  const { usable, others } = pickable(models, chosen)
  const groups = [...Map.groupBy(usable, (one) => one.provider_name)].map(([group, items]) => ({
    group,
    items: items.map(({ id, display_name }) => ({ value: id, label: display_name })),
  }))
  return [...groups, ...others]
}

function ModelChoice({ form: { draft, change } }: AgentFormProps) {
  const models = useQuery(modelsQuery)
  return (
    <Select
      size="sm"
      label="Model"
      placeholder="Default model"
      clearable
      searchable
      limit={200}
      data={choicesOf(models.data ?? [], draft.modelId)}
      value={draft.modelId}
      onChange={(modelId) => change({ modelId })}
      error={useProblem('default_model_id')}
    />
  )
}

const promptMax = 1_048_576

export function Prompt({ form: { draft, text } }: AgentFormProps) {
  const { length } = draft.prompt
  return (
    <Textarea
      size="sm"
      label={
        <Group justify="space-between" component="span">
          <span>
            System prompt{' '}
            <Text span c="var(--outlast-fail-text)" aria-hidden="true">
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
      {...text('prompt')}
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
export function ClientTools({ form }: AgentFormProps) {
  const problem = useProblem('tools', true)
  const { tools } = form.draft
  return (
    <details className="config-part" open={tools !== ''}>
      <summary>Client tools</summary>
      <Text size="xs" c="dimmed">
        A JSON list of tools that your program runs. The turn waits for their results.
      </Text>
      <Textarea
        size="xs"
        aria-label="Client tools (JSON)"
        placeholder={toolExample}
        autosize
        minRows={8}
        maxRows={24}
        spellCheck={false}
        {...form.text('tools')}
        error={jsonProblem(tools) ?? problem}
        classNames={{ input: 'code-input' }}
      />
    </details>
  )
}

const schemaExample = `{
  "type": "object",
  "properties": { "total": { "type": "number" } },
  "required": ["total"],
  "additionalProperties": false
}`

/** The JSON Schema of the answers. */
export function OutputSchema({ form }: AgentFormProps) {
  const problem = useProblem('output_schema', true)
  const { outputSchema } = form.draft
  return (
    <details className="config-part" open={outputSchema !== ''}>
      <summary>Output schema</summary>
      <Text size="xs" c="dimmed">
        A JSON Schema. Each answer is then JSON that matches it. Empty: answers are text.
      </Text>
      <Textarea
        size="xs"
        aria-label="Output schema (JSON)"
        placeholder={schemaExample}
        autosize
        minRows={6}
        maxRows={24}
        spellCheck={false}
        {...form.text('outputSchema')}
        error={jsonProblem(outputSchema) ?? problem}
        classNames={{ input: 'code-input' }}
      />
    </details>
  )
}
