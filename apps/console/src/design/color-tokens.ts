/** Returns the names of all colors in `tokens.css`, from the loaded page. */
export function colorTokens(): string[] {
  const rules = [...document.styleSheets].flatMap(({ cssRules }) => [...cssRules])
  const roots = rules.filter(
    (rule) => rule instanceof CSSStyleRule && rule.selectorText === ':root',
  ) as CSSStyleRule[]
  return roots.flatMap(({ style }) =>
    [...style].filter(
      (name) => name.startsWith('--outlast-') && /^\s*#/.test(style.getPropertyValue(name)),
    ),
  )
}
