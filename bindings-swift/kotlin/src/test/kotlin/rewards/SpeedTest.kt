package rewards.engine

import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Test

/** How many quotes a second: measured and printed, not judged, because machines differ. */
class SpeedTest {
    @Test
    fun `quotes a second`() = runBlocking { speed() }
}
