export const dynamic = 'force-dynamic'

export function GET(): Response {
  return Response.json({ error: 'I am a teapot.' }, { status: 418 })
}
