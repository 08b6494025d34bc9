import {
  Checkbox,
  MultiSelect,
  PasswordInput,
  Select,
  TagsInput,
  Textarea,
  TextInput,
} from '@mantine/core'
import type { ChangeEvent } from 'react'
import { NumberField } from '../form/number-field.tsx'
import { withCode } from '../shell/screen/with-code.tsx'
import { useProblem } from './problems.ts'
import { kindOf, labelOf, type Schema, valueLimits } from './schema.ts'

export type ConfigFieldProps = {
  name: string
  schema: Schema
  /** Path in the request body. */
  path: string
  /** Undefined: not set. */
  value: unknown
  onChange: (value: unknown) => void
  isRequired?: boolean
}

/** Longer texts get a field with several lines. */
const lineMax = 500

/** The form control for a value without nested fields. */
export function Plain({
  name,
  schema,
  path,
  value,
  onChange,
  isRequired = false,
}: ConfigFieldProps) {
  const kind = kindOf(schema)
  const error = useProblem(path, kind === 'some of' || kind === 'texts')
  const about = {
    label: labelOf(name, schema),
    description: withCode(schema.description),
    error,
    size: 'xs',
    placeholder: placeholderOf(schema),
    withAsterisk: isRequired,
  } as const
  const text = typeof value === 'string' ? value : ''
  const list = Array.isArray(value) ? value.map(String) : []
  const change = (next: string) => onChange(next === '' && !isRequired ? undefined : next)
  const changeList = (next: string[]) => onChange(next.length === 0 ? undefined : next)
  switch (kind) {
    case 'boolean': {
      const { placeholder: _none, withAsterisk: _star, ...rest } = about
      const isOn = value ?? schema.default ?? false
      return (
        <Checkbox
          {...rest}
          checked={isOn === true}
          onChange={({ currentTarget }) => onChange(currentTarget.checked)}
        />
      )
    }
    case 'number':
      return (
        <NumberField
          {...about}
          {...boundsOf(schema)}
          // Values out of bounds are reported, not changed.
          clampBehavior="none"
          value={typeof value === 'number' ? value : ''}
          onChange={(next) => onChange(next === '' ? undefined : next)}
          allowDecimal={schema.type === 'number'}
          maw={260}
        />
      )
    case 'one of':
      return (
        <Select
          {...about}
          data={(schema.enum ?? []).map(String)}
          value={text || null}
          onChange={(next) => onChange(next ?? undefined)}
          clearable
          maw={260}
        />
      )
    case 'some of':
      return (
        <MultiSelect
          {...about}
          data={(schema.items?.enum ?? []).map(String)}
          value={list}
          onChange={changeList}
          searchable
          clearable
        />
      )
    case 'texts':
      return <TagsInput {...about} value={list} onChange={changeList} clearable />
    default:
      return <Line {...{ schema, about, text, change }} />
  }
}

type LineProps = {
  schema: Schema
  about: object
  text: string
  change: (next: string) => void
}

/** A text field: secret, multi-line or single-line. */
function Line({ schema, about, text, change }: LineProps) {
  const props = {
    ...about,
    value: text,
    onChange: ({ currentTarget }: ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) =>
      change(currentTarget.value),
  }
  if (schema.writeOnly) return <PasswordInput {...props} autoComplete="off" />
  if ((schema.maxLength ?? 0) <= lineMax) return <TextInput {...props} />
  return <Textarea {...props} autosize minRows={1} maxRows={10} />
}

function boundsOf(schema: Schema) {
  const { description = '', minimum, maximum } = schema
  const limits = valueLimits(schema)
  const range = limits && !description.includes(limits) && `Range: ${limits}.`
  return {
    description: [description, range].filter(Boolean).join(' '),
    ...(minimum !== undefined && { min: minimum }),
    ...(maximum !== undefined && { max: maximum }),
  }
}

function placeholderOf({ default: standard, examples }: Schema): string {
  if (standard !== undefined) {
    return Array.isArray(standard) ? standard.join(', ') : String(standard)
  }
  return examples?.[0] === undefined ? '' : `For example, ${String(examples[0])}`
}

/** Chooses none, all, or a list of names. */
export function AllOrSome({ name, schema, path, value, onChange }: ConfigFieldProps) {
  const error = useProblem(path, true)
  const kind = Array.isArray(value) ? 'some' : value === true ? 'all' : 'none'
  return (
    <div className="all-or-some">
      <Select
        size="xs"
        label={labelOf(name, schema)}
        description={withCode(schema.description)}
        data={[
          { value: 'none', label: 'None' },
          { value: 'all', label: 'All' },
          { value: 'some', label: 'Selected' },
        ]}
        value={kind}
        allowDeselect={false}
        onChange={(next) => onChange(next === 'all' ? true : next === 'some' ? [] : undefined)}
        error={kind !== 'some' && error}
        maw={260}
      />
      {kind === 'some' && (
        <TagsInput
          size="xs"
          mt={4}
          aria-label={`${labelOf(name, schema)}: names`}
          placeholder="Press Enter after each name"
          value={(value as unknown[]).map(String)}
          onChange={onChange}
          error={error}
        />
      )}
    </div>
  )
}
