import { Text } from '@mantine/core'
import { type Schema, typeOf } from '../agents/schema.ts'
import { withCode } from '../shell/screen/with-code.tsx'

/** The fields of a schema: names, types and descriptions. */
export function SchemaTable({ schema, empty }: { schema: Schema; empty: string }) {
  const fields = Object.entries(schema.properties ?? {})
  if (fields.length === 0) {
    return (
      <Text size="xs" c="dimmed">
        {empty}
      </Text>
    )
  }
  return (
    <dl className="schema">
      {fields.map(([name, one]) => (
        <div key={name}>
          <dt>
            <code>{name}</code>{' '}
            <Text span size="xs" c="dimmed">
              {one.type === 'object' || one.items?.type === 'object'
                ? nestedType(one)
                : typeOf(one)}
              {schema.required?.includes(name) && ', required'}
              {one.default !== undefined && `, default ${JSON.stringify(one.default)}`}
            </Text>
          </dt>
          <dd>
            {one.description && <Text size="xs">{withCode(one.description)}</Text>}
            <Nested schema={one} />
          </dd>
        </div>
      ))}
    </dl>
  )
}

const nestedType = ({ type }: Schema) => (type === 'array' ? 'list of objects' : 'object')

function Nested({ schema }: { schema: Schema }) {
  const inner = schema.properties ? schema : schema.items
  return inner?.properties ? (
    <details>
      <summary>
        <Text span size="xs">
          Fields
        </Text>
      </summary>
      <SchemaTable schema={inner} empty="" />
    </details>
  ) : null
}
