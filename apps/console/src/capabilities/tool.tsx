import { Badge, Text } from '@mantine/core'
import type { ToolDefinition } from '@outlast/sdk'
import type { Schema } from '../agents/schema.ts'
import { SchemaTable } from './schema-table.tsx'

type Tool = Pick<ToolDefinition, 'name' | 'description' | 'policy'> & { parameters: object }

/** A tool definition with its description and parameters. */
export function ToolDetails({ tool, from }: { tool: Tool; from?: string | undefined }) {
  return (
    <details className="tool-details">
      <summary>
        <code>{tool.name}</code>
        {tool.policy === 'requires_approval' && (
          <Badge size="xs" color="yellow" variant="light">
            Requires approval
          </Badge>
        )}
        {from && (
          <Text span size="xs" c="dimmed">
            {from}
          </Text>
        )}
      </summary>
      <Text size="sm" className="as-written">
        {tool.description}
      </Text>
      <SchemaTable schema={tool.parameters as Schema} empty="No parameters" />
    </details>
  )
}
