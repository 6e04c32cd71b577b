package bench;

import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.StateRestoreListener;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** The job of the bench in Kafka Streams: decode, re-key by person, keep a row a person in RocksDB, send triggers. */
public final class Main {

    private Main() {}

    public static void main(String[] arguments) throws InterruptedException {
        KafkaStreams streams = new KafkaStreams(
                topology(setting("SOURCE"), setting("TRIGGERS"), Integer.parseInt(setting("PARTITIONS"))), config());
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            // Leave the group, so that a restart need not wait for the session to run out.
            streams.close(CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP));
            stopped.countDown();
        }));
        streams.setGlobalStateRestoreListener(new Tell());
        streams.start();
        stopped.await();
    }

    static Topology topology(String source, String triggers, int partitions) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(source, Consumed.with(Serdes.String(), Json.serde(Segment.class)))
                .mapValues(Segment::normalised)
                .selectKey((device, event) -> event.userId())
                .repartition(Repartitioned.with(Serdes.String(), Json.serde(Event.class))
                        .withName("by-person")
                        .withNumberOfPartitions(partitions))
                .processValues(new Profiles())
                .to(triggers, Produced.with(Serdes.String(), Json.serde(Trigger.class)));
        return builder.build();
    }

    private static Properties config() {
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, setting("APP"));
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, setting("BOOTSTRAP"));
        config.put(StreamsConfig.STATE_DIR_CONFIG, setting("STATE_DIR"));
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, setting("THREADS"));
        config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        // For the bench alone: what was written stays on the broker's disk, so that it can be weighed.
        config.put(StreamsConfig.REPARTITION_PURGE_INTERVAL_MS_CONFIG, 3_600_000L);
        return config;
    }

    private static String setting(String name) {
        return System.getenv("BENCH_" + name);
    }

    /** Makes the processors, and the store they share. */
    private static final class Profiles implements FixedKeyProcessorSupplier<String, Event, Trigger> {
        @Override
        public FixedKeyProcessor<String, Event, Trigger> get() {
            return new TrackProfiles();
        }

        @Override
        public Set<StoreBuilder<?>> stores() {
            return Set.of(Stores.keyValueStoreBuilder(
                            Stores.persistentKeyValueStore(TrackProfiles.STORE),
                            Serdes.String(),
                            Json.serde(Profile.class))
                    .withLoggingEnabled(Map.of())
                    .withCachingEnabled());
        }
    }

    /** Tells the bench about restoring, a line each. */
    private static final class Tell implements StateRestoreListener {
        @Override
        public void onRestoreStart(TopicPartition partition, String store, long from, long to) {
            say("restore-start", partition, 0);
        }

        @Override
        public void onBatchRestored(TopicPartition partition, String store, long to, long rows) {}

        @Override
        public void onRestoreEnd(TopicPartition partition, String store, long rows) {
            say("restore-end", partition, rows);
        }

        private static void say(String what, TopicPartition partition, long rows) {
            System.out.println("BENCH " + what + " " + System.currentTimeMillis() + " " + partition + " " + rows);
        }
    }
}
