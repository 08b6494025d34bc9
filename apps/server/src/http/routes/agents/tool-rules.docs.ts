import type { DocsTable } from '../../core/docs.ts'

const agent = 'agent_01933b5a000070008000000000000001'

export const toolRuleDocs = {
  list_agent_tool_rules: {
    tag: 'Tool calls',
    summary: 'List the tool rules of an agent',
    description:
      'Returns the decisions that hold for all calls of a tool in all sessions of the agent, by the name of the tool. A decision with `always: "agent"` creates one.',
    sample: `const rules = await outlast.agents.listToolRules('${agent}')`,
  },
  delete_agent_tool_rule: {
    tag: 'Tool calls',
    summary: 'Remove a tool rule of an agent',
    description:
      'Removes the decision for all calls of a tool. Its next calls follow the policy of the tool again, at the latest from the next turn of each session on.',
    sample: `await outlast.agents.removeToolRule('${agent}', 'write_file')`,
  },
} as const satisfies DocsTable
