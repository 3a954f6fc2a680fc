package rewards.engine

import java.util.concurrent.TimeUnit
import kotlin.io.path.createTempDirectory
import kotlin.io.path.deleteIfExists
import org.junit.jupiter.api.Assertions.assertEquals

/** Another process while it runs: its output is read once it has ended. */
internal class Running(vararg command: String) : AutoCloseable {
    private val process = ProcessBuilder(*command).redirectErrorStream(true).start()
    private val output = process.inputReader()
    private val input = process.outputWriter()

    fun write(line: String) {
        input.write(line + "\n")
        input.flush()
    }

    fun readLine(): String? = output.readLine()

    /** Waits for a good end, and returns the last line. */
    fun lastLine(): String {
        input.close()
        val text = output.readText().trim()
        assertEquals(true, process.waitFor(2, TimeUnit.MINUTES), "still running: $text")
        assertEquals(0, process.exitValue(), text)
        return text.lines().last()
    }

    override fun close() {
        process.destroyForcibly().waitFor()
    }
}

internal fun run(vararg command: String): String = Running(*command).use { it.lastLine() }

/** Runs `main` of the tests in a Java machine of its own. */
internal fun runningMain(vararg arguments: String): Running {
    val classes = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
    val java = System.getProperty("java.home") + "/bin/java"
    return Running(java, "-cp", classes, "rewards.engine.MainKt", *arguments)
}

/**
 * Lends a file system of 3 MiB and gives it back. It takes the right to mount one; without it the test fails, it is not
 * left out.
 */
internal inline fun onSmallDisk(work: (folder: String) -> Unit) {
    val folder = createTempDirectory("small-disk")
    try {
        run("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", "$folder")
    } catch (error: AssertionError) {
        folder.deleteIfExists()
        throw AssertionError("this test needs the right to mount a file system: run it as root", error)
    }
    try {
        work("$folder")
    } finally {
        run("umount", "--lazy", "$folder")
        folder.deleteIfExists()
    }
}
