package bench;

/** Ask this person. */
public record Trigger(
        String userId, long at, int reports, int shares, Profile.Touch firstTouch, Profile.Touch lastTouch) {}
