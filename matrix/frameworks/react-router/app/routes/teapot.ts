export function loader(): never {
  throw Response.json({ error: 'I am a teapot.' }, { status: 418 })
}
