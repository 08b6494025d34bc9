type Prompts = {
  session_prompt: string | null
  system_prompt: string
  locale: string | null
}

/** The prompt of a session: its own text, that of its agent, and the language of its user. */
export function sessionPrompt({ session_prompt, system_prompt, locale }: Prompts): string {
  const language = locale && `The locale of the user is ${locale}.`
  return [session_prompt, system_prompt, language].filter(Boolean).join('\n\n')
}
