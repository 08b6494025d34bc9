import { Alert, Badge, Text } from '@mantine/core'
import type { Agent, CapabilityUse } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { agentPreviewQuery } from '../queries/agents.ts'
import { capabilitiesQuery } from '../queries/capabilities.ts'
import { modelsQuery } from '../queries/models.ts'
import { ToolRules } from '../sessions/tools/tool-rules.tsx'
import { Screen } from '../shell/screen/screen.tsx'
import { AgentActions } from './agent-actions.tsx'
import { Aside, Sides } from './aside.tsx'
import { agentDraft, previewBodyOf } from './draft.ts'

/** An agent that a file of the project defines: read-only, with a playground or a preview. */
export function FileAgent({ agent }: { agent: Agent }) {
  const { side } = useSearch({ strict: false })
  const draft = agentDraft(agent)
  const preview = useQuery(agentPreviewQuery(draft, () => previewBodyOf(draft)))
  return (
    <Screen title={agent.name} actions={<AgentActions agent={agent} />}>
      <div className="agent" data-side={side}>
        <Sides isNew={false} first="Agent" />
        <section className="scroll agent-fields" aria-label="Agent">
          <Origin agent={agent} />
          {agent.description && <Text size="sm">{agent.description}</Text>}
          <LabeledSection label="Model">
            <ModelName id={agent.default_model_id} />
          </LabeledSection>
          {agent.tags.length > 0 && (
            <LabeledSection label="Tags">
              {agent.tags.map((tag) => (
                <Badge key={tag} size="sm" variant="default" mr={4}>
                  {tag}
                </Badge>
              ))}
            </LabeledSection>
          )}
          <LabeledSection label="System prompt">
            <pre className="prompt">{agent.system_prompt}</pre>
          </LabeledSection>
          <LabeledSection label="Capabilities">
            {agent.capabilities.length === 0 && <Text size="sm">No capabilities</Text>}
            <div className="uses">
              {agent.capabilities.map((use) => (
                <Use key={use.ref} use={use} />
              ))}
            </div>
          </LabeledSection>
          {agent.output_schema && (
            <LabeledSection label="Output schema">
              <pre className="prompt">{JSON.stringify(agent.output_schema, null, 2)}</pre>
            </LabeledSection>
          )}
          {agent.tools && (
            <LabeledSection label="Client tools">
              <pre className="prompt">{JSON.stringify(agent.tools, null, 2)}</pre>
            </LabeledSection>
          )}
          <ToolRules owner="agent" id={agent.id} />
        </section>
        <Aside form={{ base: agent, isDirty: false, preview }} />
      </div>
    </Screen>
  )
}

const whenApplied = 'Under outlast dev this takes effect at once, else at the next start.'

/** The file, and how to change the agent. */
function Origin({ agent: { status, source_file: file } }: { agent: Agent }) {
  if (status === 'archived') {
    return (
      <Alert color="gray" title="This agent is archived">
        The file {file} was removed from the project. The agent cannot start new sessions. To
        restore it, add the file again. {whenApplied}
      </Alert>
    )
  }
  return (
    <Alert color="gray" title={`From ${file}`}>
      To change this agent, edit the file {file} of the project. {whenApplied} To edit a copy here,
      choose Duplicate.
    </Alert>
  )
}

const LabeledSection = ({ label, children }: { label: string; children: ReactNode }) => (
  <section aria-label={label}>
    <h2>{label}</h2>
    {children}
  </section>
)

function ModelName({ id }: { id: string | undefined }) {
  const models = useQuery(modelsQuery)
  const found = models.data?.find((model) => model.id === id)
  return <Text size="sm">{id ? (found?.display_name ?? id) : 'Default model'}</Text>
}

function Use({ use: { ref, config } }: { use: CapabilityUse }) {
  const known = useQuery(capabilitiesQuery)
  const name = known.data?.data.find(({ id }) => id === ref)?.name
  return (
    <div className="use">
      <Text size="sm" fw={600}>
        {name ?? (known.isPending ? '…' : ref)}
      </Text>
      {config !== undefined && <pre className="prompt">{JSON.stringify(config, null, 2)}</pre>}
    </div>
  )
}
