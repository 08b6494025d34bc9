import { Alert, Loader, Text } from '@mantine/core'
import type { Preview } from '@outlast/sdk'
import { ToolDetails } from '../capabilities/tool.tsx'
import { sentenceOf } from '../errors.ts'

type PreviewProps = { preview: Preview | undefined; error: unknown; isFetching: boolean }

/** The model, prompt and tools of the current draft. */
export function PreviewPanel({ preview, error, isFetching }: PreviewProps) {
  return (
    <section className="scroll preview" aria-label="Preview" aria-busy={isFetching}>
      {error != null && (
        <Alert color="red" role="alert" title="This configuration is invalid">
          {sentenceOf(error)}
        </Alert>
      )}
      {!preview && !error && <Loader size="sm" />}
      {preview && <Given preview={preview} isOld={error != null} />}
    </section>
  )
}

function Given({ preview, isOld }: { preview: Preview; isOld: boolean }) {
  const { system_prompt, tools, model, warnings, capabilities } = preview
  return (
    <div data-old={isOld}>
      {warnings.map((warning) => (
        <Alert key={warning} color="yellow" mb="xs">
          {warning}
        </Alert>
      ))}
      <h2>Model</h2>
      <Text size="sm">
        {model ? (
          <>
            {model.model_id}{' '}
            <Text span size="xs" c="dimmed">
              {model.provider_type}
            </Text>
          </>
        ) : (
          'No usable model. Turns would fail. Add an API key under Models.'
        )}
      </Text>
      <h2>
        Prompt{' '}
        <Text span size="xs" c="dimmed">
          {system_prompt.length.toLocaleString('en')} characters
        </Text>
      </h2>
      {system_prompt !== '' && <pre className="prompt">{system_prompt}</pre>}
      <h2>
        Tools{' '}
        <Text span size="xs" c="dimmed">
          {tools.length}
        </Text>
      </h2>
      {tools.length === 0 && (
        <Text size="sm" c="dimmed">
          No tools
        </Text>
      )}
      {tools.map((tool) => (
        <ToolDetails key={tool.name} tool={tool} from={tool.capability_id ?? 'client'} />
      ))}
      {capabilities.length > 0 && (
        <Text size="xs" c="dimmed" mt="xs">
          Active capabilities: {capabilities.map(({ ref }) => ref).join(', ')}
        </Text>
      )}
    </div>
  )
}
