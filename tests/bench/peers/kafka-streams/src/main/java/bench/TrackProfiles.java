package bench;

import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;

/** Fold each event into the row of its person; forward a trigger when the person becomes a member. */
final class TrackProfiles implements FixedKeyProcessor<String, Event, Trigger> {
    static final String STORE = "profiles";

    private FixedKeyProcessorContext<String, Trigger> context;
    private KeyValueStore<String, Profile> profiles;

    @Override
    public void init(FixedKeyProcessorContext<String, Trigger> context) {
        this.context = context;
        this.profiles = context.getStateStore(STORE);
    }

    @Override
    public void process(FixedKeyRecord<String, Event> record) {
        Event event = record.value();
        Profile known = profiles.get(record.key());
        Profile profile = known == null ? new Profile() : known;
        boolean asked = profile.add(event);
        profiles.put(record.key(), profile);
        if (asked) {
            context.forward(record.withValue(new Trigger(
                    event.userId(), event.at(), profile.reports(), profile.shares(), profile.first, profile.last)));
        }
    }
}
