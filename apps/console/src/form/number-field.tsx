import { NumberInput, type NumberInputProps } from '@mantine/core'
import { useEffect, useState } from 'react'

type OptionalNumber = number | ''

type NumberFieldProps = Omit<NumberInputProps, 'value' | 'onChange'> & {
  value: OptionalNumber
  onChange: (value: OptionalNumber) => void
}

function numberOf(text: unknown): OptionalNumber {
  const number = Number(text)
  // A number above would be another one than the typed text.
  const isExact = Math.abs(number) <= Number.MAX_SAFE_INTEGER
  return text === '' || !isExact ? '' : number
}

/** A field for a number. Keeps a typed text such as `1.` or `2.0` while its value is the same. */
export function NumberField({ value, onChange, ...props }: NumberFieldProps) {
  const [text, setText] = useState<NonNullable<NumberInputProps['value']>>(value)
  useEffect(() => setText((before) => (numberOf(before) === value ? before : value)), [value])
  return (
    <NumberInput
      {...props}
      value={text}
      onChange={(next) => {
        setText(next)
        onChange(numberOf(next))
      }}
    />
  )
}
