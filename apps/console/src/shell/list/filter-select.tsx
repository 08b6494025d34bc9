import { Select, type SelectProps } from '@mantine/core'

type FilterSelectProps<Value extends string> = Pick<
  SelectProps,
  'searchable' | 'limit' | 'w' | 'comboboxProps'
> & {
  label: string
  /** Placeholder without a filter. */
  any: string
  data: readonly (Value | { value: Value; label: string })[]
  value: Value | undefined
  onChange: (value: Value | undefined) => unknown
}

/** A clearable select that filters a list. */
export const FilterSelect = <Value extends string>(props: FilterSelectProps<Value>) => {
  const { label, any, value, onChange, ...rest } = props
  return (
    <Select
      size="xs"
      aria-label={label}
      placeholder={any}
      clearable
      value={value ?? null}
      onChange={(next) => onChange(next ?? undefined)}
      {...rest}
    />
  )
}
