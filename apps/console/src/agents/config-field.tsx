import { Button, Group, Text } from '@mantine/core'
import { withCode } from '../shell/screen/with-code.tsx'
import { AllOrSome, type ConfigFieldProps, Plain } from './config-plain.tsx'
import { JsonField } from './json-field.tsx'
import { useProblem } from './problems.ts'
import { type JsonFields, kindOf, labelOf, type Schema, withField, withoutNull } from './schema.ts'

/** The form control for a schema. */
function ConfigField({ schema: given, ...rest }: ConfigFieldProps) {
  const schema = withoutNull(given)
  const field = { ...rest, schema }
  switch (kindOf(schema)) {
    case 'object':
      return <ConfigObject {...field} />
    case 'list':
      return <ConfigList {...field} />
    case 'all or some':
      return <AllOrSome {...field} />
    case 'json':
      return (
        <JsonField
          label={labelOf(rest.name, schema)}
          description={withCode(schema.description)}
          path={rest.path}
          value={rest.value}
          onChange={rest.onChange}
        />
      )
    default:
      return <Plain {...field} />
  }
}

type ObjectProps = Pick<ConfigFieldProps, 'schema' | 'path' | 'value' | 'onChange'>

/** The fields of an object. */
export function ConfigFields({ schema, path, value, onChange }: ObjectProps) {
  return Object.entries(schema.properties ?? {}).map(([name, one]) => (
    <ConfigField
      key={name}
      name={name}
      schema={one}
      path={`${path}/${name}`}
      value={(value as JsonFields | undefined)?.[name]}
      onChange={(next) => onChange(withField(value, name, next))}
      isRequired={schema.required?.includes(name) ?? false}
    />
  ))
}

function ConfigObject({ name, schema, path, value, onChange }: ConfigFieldProps) {
  const error = useProblem(path)
  return (
    <details className="config-part" open={value !== undefined}>
      <summary>{labelOf(name, schema)}</summary>
      <FieldNotes schema={schema} error={error} />
      <ConfigFields
        schema={schema}
        path={path}
        value={value}
        onChange={(next) =>
          onChange(Object.keys(next as JsonFields).length === 0 ? undefined : next)
        }
      />
    </details>
  )
}

/** A list of objects or lists. */
function ConfigList({ name, schema, path, value, onChange }: ConfigFieldProps) {
  const error = useProblem(path)
  const list = Array.isArray(value) ? value : []
  const items = schema.items ?? {}
  const label = labelOf(name, schema)
  const set = (next: unknown[]) => onChange(next.length === 0 ? undefined : next)
  const isFull = list.length >= (schema.maxItems ?? Number.POSITIVE_INFINITY)
  return (
    <fieldset className="config-part">
      <legend>
        {label} {list.length > 0 && `(${list.length})`}
      </legend>
      <FieldNotes schema={schema} error={error} />
      {list.map((one, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: items have no name of their own
        <div key={at} className="config-item">
          <ConfigField
            name={`${label} ${at + 1}`}
            schema={items}
            path={`${path}/${at}`}
            value={one}
            onChange={(next) => set(list.with(at, next ?? emptyOf(items)))}
          />
          <Button
            size="compact-xs"
            variant="subtle"
            color="gray"
            aria-label={`Remove item ${at + 1} of ${label}`}
            onClick={() => set(list.toSpliced(at, 1))}
          >
            Remove item
          </Button>
        </div>
      ))}
      <Group>
        <Button
          size="compact-xs"
          variant="default"
          disabled={isFull}
          aria-label={`Add item to ${label}`}
          onClick={() => set([...list, emptyOf(items)])}
        >
          Add item
        </Button>
      </Group>
    </fieldset>
  )
}

const emptyOf = ({ type }: Schema) => (type === 'object' ? {} : type === 'array' ? [] : null)

function FieldNotes({ schema, error }: { schema: Schema; error: string | undefined }) {
  return (
    <>
      {schema.description && (
        <Text size="xs" c="dimmed">
          {withCode(schema.description)}
        </Text>
      )}
      {error && (
        <Text size="xs" c="var(--outlast-fail-text)">
          {error}
        </Text>
      )}
    </>
  )
}
