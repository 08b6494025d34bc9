import './tools.css'
import { Text } from '@mantine/core'
import type { ToolRule } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { invalidate } from '../../client.ts'
import { useMay } from '../../queries/me.ts'
import { type RuleOwner, removeToolRule, toolRulesQuery } from '../../queries/tool-rules.ts'
import { AskButton } from '../../shell/controls/act-button.tsx'
import { List, type ListColumn, ListRow } from '../../shell/list/list.tsx'
import { Failure } from '../../shell/screen/screen.tsx'
import { State } from '../../shell/screen/state.tsx'
import { Ago } from '../../shell/text/ago.tsx'

type Props = { owner: RuleOwner; id: string }

/** The decisions for all calls of a tool, each with a button that removes it. */
export function ToolRules({ owner, id }: Props) {
  const rules = useQuery(toolRulesQuery(owner, id))
  if (rules.isError) return <Failure error={rules.error} retry={rules.refetch} />
  if (!rules.data?.length) return null
  return (
    <section className="tool-rules" aria-label="Tool rules">
      <Text size="sm" fw={600} component="h2">
        Tool rules
      </Text>
      <Text size="xs" c="dimmed">
        Decisions for all calls of a tool {owner === 'agent' ? 'of this agent' : 'in this session'}.
      </Text>
      <List
        label="Rules"
        columns={columns}
        query={rules}
        items={rules.data}
        empty={null}
        row={(rule) => <Rule key={rule.tool_name} rule={rule} owner={owner} id={id} />}
      />
    </section>
  )
}

const columns: ListColumn[] = [
  { id: 'tool', head: 'Tool', width: 'minmax(100px, 1fr)' },
  { id: 'decision', head: 'Decision', width: '120px' },
  { id: 'decided', head: 'Decided', width: 'minmax(0, 1fr)' },
  { id: 'actions', head: '', width: '84px', isRight: true },
]

function Rule({ rule, owner, id }: Props & { rule: ToolRule }) {
  const { tool_name, decision, decided_by, created_at } = rule
  const mayWrite = useMay('member')
  return (
    <ListRow label={tool_name}>
      <code className="list-name">{tool_name}</code>
      <State kind={decision === 'allow' ? 'good' : 'bad'}>
        {decision === 'allow' ? 'always allowed' : 'always denied'}
      </State>
      <span className="list-dim">
        {decided_by.name && `${decided_by.name} · `}
        <Ago at={created_at} />
      </span>
      <div className="list-actions">
        {mayWrite && (
          <AskButton
            label="Remove"
            title="Remove this rule?"
            verb="Remove rule"
            done="Rule removed"
            aria-label={`Remove the rule of ${tool_name}`}
            act={async () => {
              await removeToolRule(owner, id, tool_name)
              await invalidate(toolRulesQuery(owner, id).queryKey)
            }}
          >
            The next calls of {tool_name} follow the policy of the tool again.
          </AskButton>
        )}
      </div>
    </ListRow>
  )
}
