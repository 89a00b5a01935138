import 'reflect-metadata'
import { NestFactory } from '@nestjs/core'
import { AppModule } from './app.module'
import { replays } from './middleware'

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error'] })

  // Glue: ahead of all that Nest does, its body parsers included.
  app.use(replays)

  app.enableShutdownHooks()
  await app.listen(Number(process.env['PORT'] ?? 3000))
}

void main()
