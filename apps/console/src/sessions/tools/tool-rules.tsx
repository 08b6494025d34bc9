import './tools.css'
import { Text } from '@mantine/core'
import type { ToolRule } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { invalidate } from '../../client.ts'
import { useMay } from '../../queries/me.ts'
import { type RuleOwner, removeToolRule, toolRulesQuery } from '../../queries/tool-rules.ts'
import { AskButton } from '../../shell/act-button.tsx'
import { Ago } from '../../shell/ago.tsx'
import { Entry, State } from '../../shell/entry.tsx'
import { Failure } from '../../shell/screen.tsx'

type Props = { owner: RuleOwner; id: string }

/** The decisions for all calls of a tool, each with a button that removes it. */
export function ToolRules({ owner, id }: Props) {
  const { data, error, refetch } = useQuery(toolRulesQuery(owner, id))
  if (error) return <Failure error={error} retry={refetch} />
  if (!data || data.length === 0) return null
  return (
    <section className="tool-rules" aria-label="Tool rules">
      <Text size="sm" fw={600} component="h2">
        Tool rules
      </Text>
      <Text size="xs" c="dimmed">
        Decisions for all calls of a tool {owner === 'agent' ? 'of this agent' : 'in this session'}.
      </Text>
      <ul className="entries">
        {data.map((rule) => (
          <Rule key={rule.tool_name} rule={rule} owner={owner} id={id} />
        ))}
      </ul>
    </section>
  )
}

function Rule({ rule, owner, id }: Props & { rule: ToolRule }) {
  const { tool_name, decision, decided_by, created_at } = rule
  const mayWrite = useMay('member')
  return (
    <Entry
      label={tool_name}
      name={
        <>
          <code>{tool_name}</code>
          <State kind={decision === 'allow' ? 'good' : 'bad'}>
            {decision === 'allow' ? 'always allowed' : 'always denied'}
          </State>
        </>
      }
      about={
        <>
          {decided_by.name && `${decided_by.name} · `}
          <Ago at={created_at} />
        </>
      }
      side={
        mayWrite && (
          <AskButton
            label="Remove"
            title="Remove this rule?"
            verb="Remove rule"
            aria-label={`Remove the rule of ${tool_name}`}
            act={async () => {
              await removeToolRule(owner, id, tool_name)
              await invalidate(toolRulesQuery(owner, id).queryKey)
            }}
          >
            The next calls of {tool_name} follow the policy of the tool again.
          </AskButton>
        )
      }
    />
  )
}
